"""Whatever bytes a manifest is made of, it is read or refused in one line."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.manifest_example_gen import rows
from failures import Failure
from settings.manifest_source import ManifestSource
from tests.components.manifest_example_gen.conftest import write

ROWS = [
    {"path": f"images/{number}.jpg", "label": ("cat", "dog")[number % 2], "time": "2026-01-01"}
    for number in range(8)
]
edits = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 12), st.binary(max_size=12)), max_size=4
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("manifests")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@settings(deadline=None, max_examples=100)
@given(edits=edits, split_by=st.sampled_from([None, "time", "group", "split"]))
@example(edits=[(0, 0, b"\xc2\x80\x0b")], split_by=None)  # a name like another one, in two lines
def test_any_bytes_are_read_or_refused_in_one_line(suffix, edits, split_by, folder):
    path = write(Path(tempfile.mkdtemp(dir=folder)) / f"labels.{suffix}", ROWS)
    content = path.read_bytes()
    for position, removed, added in edits:
        position %= len(content) + 1
        content = content[:position] + added + content[position + removed :]
    path.write_bytes(content)

    source = ManifestSource(path=str(path), split_by=split_by)
    with contextlib.suppress(Failure):
        found = rows.read(source, str(path), str(path.parent), has_masks=False)
        assert all(row.image_path and row.label for row in found.rows)
        return
    with pytest.raises(Failure) as refused:
        rows.read(source, str(path), str(path.parent), has_masks=False)
    assert len(str(refused.value).splitlines()) == 1
