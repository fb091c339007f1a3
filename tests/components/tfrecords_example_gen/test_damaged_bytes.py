"""Whatever bytes a record is made of, its file is read or refused in one line."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.tfrecords_example_gen.scan import scan
from failures import Failure
from settings.data import Features
from tests.components.tfrecords_example_gen.conftest import record_of, write

edits = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 6), st.binary(max_size=6)), max_size=3
)


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(edits=edits)
def test_any_record_is_read_or_refused_in_one_line(edits, tmp_path_factory):
    content = record_of(image=b"\x89PNG", label="cat", sizes=[0.5, 1.0])
    for position, removed, added in edits:
        position %= len(content) + 1
        content = content[:position] + added + content[position + removed :]
    folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    path = write(folder / "a.tfrecord", [content])
    with contextlib.suppress(Failure):
        found = scan(str(path), Features())
        assert len(found.labels) == 1
        assert all(name.isprintable() and name for names in found.names for name in names)
        return
    with pytest.raises(Failure) as refused:
        scan(str(path), Features())
    assert len(str(refused.value).splitlines()) == 1
