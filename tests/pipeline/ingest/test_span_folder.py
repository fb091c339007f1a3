"""Which folders are an ingest's own, and which are not."""

import pytest

from failures import Failure
from pipeline.ingest.span_folder import SpanFolders


def test_a_span_that_has_more_digits_than_its_pattern_is_refused(tmp_path):
    folders = SpanFolders(f"{tmp_path}/span-{{SPAN:3}}")
    assert folders.path_of(999) == f"{tmp_path}/span-999"
    with pytest.raises(Failure, match=r"span-\{SPAN:3\} has no digit left for span 1000\. Write"):
        folders.path_of(1000)
    assert SpanFolders(f"{tmp_path}/span-{{SPAN}}").path_of(1000) == f"{tmp_path}/span-1000"
