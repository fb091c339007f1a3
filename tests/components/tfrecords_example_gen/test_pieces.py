"""A file is cut into pieces that are written side by side, and read no more often for that."""

from pathlib import Path

import numpy as np
import pytest

from components.tfrecords_example_gen import pieces
from components.tfrecords_example_gen.scan import scan
from failures import Failure
from files import tfrecords
from settings.data import Features
from tests.components.tfrecords_example_gen.conftest import write


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "_BYTES", 64 << 10)
    monkeypatch.setattr(tfrecords, "_READ_BYTES", 16 << 10)


def planned(path: Path, count: int) -> list[list[pieces.Piece]]:
    """The pieces of a file whose records are in two splits by turns."""
    roles = np.arange(count, dtype=np.int8) % 2
    folders = [str(path.parent / "train"), str(path.parent / "test")]
    return pieces.plan([scan(str(path), Features())], [roles], folders)


def bytes_read() -> int:
    """By this process so far, as the kernel counts them."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_of_many_pieces_is_read_once_to_write_them(suffix, tmp_path, many_records):
    data = many_records * 30
    path = write(tmp_path / f"large.tfrecord{suffix}", data)
    work = planned(path, len(data))
    assert sum(map(len, work)) > 15

    before = bytes_read()
    written = sum(pieces.write(one).total() for one in work)
    assert bytes_read() - before < 2 * path.stat().st_size

    assert written == len(data)
    for number, role in enumerate(("train", "test")):
        shards = sorted((tmp_path / role).iterdir())
        found = [record for shard in shards for record in tfrecords.records(shard)]
        assert found == data[number::2]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_that_is_another_one_by_then_is_refused(suffix, tmp_path, many_records):
    path = write(tmp_path / f"large.tfrecord{suffix}", many_records * 30)
    *_, last = planned(path, len(many_records) * 30)
    write(path, [b"another record", *many_records * 30])
    with pytest.raises(Failure, match=r"large\.tfrecord.* [Rr]un again"):
        pieces.write(last)
