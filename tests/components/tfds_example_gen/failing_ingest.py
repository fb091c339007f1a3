"""An ingest that fails, in one line."""

import re

import pytest

from failures import Failure


def failure_of(ingest, *arguments, **options) -> str:
    with pytest.raises(Failure) as failure:
        ingest(*arguments, **options)
    message = str(failure.value)
    assert "\n" not in message
    assert re.search(r"\. [A-Z][^.].*\.$|\? ?$|\.$", message)
    return message
