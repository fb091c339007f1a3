"""What the tests of several sources read."""

import pytest

from tests.components.source_images import NUMBER, image_bytes


@pytest.fixture(scope="session")
def many_images() -> list[bytes]:
    return [image_bytes(number) for number in range(NUMBER)]
