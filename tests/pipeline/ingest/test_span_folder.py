"""Which folders are an ingest's own, and which are not."""

import pytest

from failures import Failure
from files import locks
from pipeline.ingest.span_folder import SpanFolders


def test_a_span_that_has_more_digits_than_its_pattern_is_refused(tmp_path):
    folders = SpanFolders(f"{tmp_path}/span-{{SPAN:3}}")
    assert folders.path_of(999) == f"{tmp_path}/span-999"
    with pytest.raises(Failure, match=r"span-\{SPAN:3\} has no digit left for span 1000\. Write"):
        folders.path_of(1000)
    assert SpanFolders(f"{tmp_path}/span-{{SPAN}}").path_of(1000) == f"{tmp_path}/span-1000"


@pytest.mark.parametrize("name", ["cats-{SPAN}", "{SPAN}"])
def test_what_other_ingests_write_beside_the_spans_stays(tmp_path, name):
    folders = SpanFolders(f"{tmp_path}/{name}")
    left = f"{name.replace('{SPAN}', '7')}.unfinished"
    others = {"cats-night-7.unfinished", "dogs-7.unfinished", "cats-.unfinished"}
    for one in {left, *others}:
        (tmp_path / one).mkdir()
    folders.remove_unfinished()
    assert {path.name for path in tmp_path.iterdir()} == others


def test_one_ingest_at_a_time_writes_spans_of_a_name_whatever_their_width(tmp_path):
    with (
        SpanFolders(f"{tmp_path}/cats-{{SPAN}}").hold(),
        SpanFolders(f"{tmp_path}/dogs-{{SPAN}}").hold(),
        pytest.raises(locks.InUse, match=r"cats-\{SPAN:4\} is being written by process"),
    ):
        SpanFolders(f"{tmp_path}/cats-{{SPAN:4}}").hold()


def test_an_ingest_and_one_of_an_earlier_version_keep_each_other_out(tmp_path):
    folders, earlier = SpanFolders(f"{tmp_path}/cats-{{SPAN:4}}"), tmp_path / ".cats-{SPAN:4}.lock"
    with locks.hold(earlier), pytest.raises(locks.InUse, match="is being written by process"):
        folders.hold()
    with folders.hold(), pytest.raises(locks.InUse):
        locks.hold(earlier, wait=False)
    locks.hold(earlier, wait=False).close()
