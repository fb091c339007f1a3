"""What the tests of several sources read."""

import pytest

from components import in_parallel
from tests.components.source_images import NUMBER, image_bytes


@pytest.fixture(scope="session")
def many_images() -> list[bytes]:
    return [image_bytes(number) for number in range(NUMBER)]


@pytest.fixture
def cores(monkeypatch):
    """A function that gives this process so many cores, one for each process of `in_parallel`."""
    monkeypatch.setattr(in_parallel, "free_memory", lambda: 1 << 40)
    return lambda count: monkeypatch.setattr(in_parallel, "usable_cores", lambda: count)


@pytest.fixture
def started_works(monkeypatch):
    """The work of each process that `in_parallel` starts."""
    works = []

    def start(work, among, start=in_parallel.started):
        works.append(work)
        return start(work, among)

    monkeypatch.setattr(in_parallel, "started", start)
    return works
