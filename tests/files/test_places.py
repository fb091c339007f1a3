"""Files are listed and read alike on a disk and in a bucket; what fails is named."""

import errno
import os

import pytest
import tensorflow as tf

from failures import Failure
from files import places, writing


def test_finished_files_are_listed_by_name(tmp_path):
    for name in ("b", "a", f"c{places.UNFINISHED}", "[d]"):
        writing.write(tmp_path / "x[y]" / name, "")
    assert places.files_in(tmp_path / "x[y]") == [f"{tmp_path}/x[y]/{n}" for n in ("[d]", "a", "b")]
    assert places.files_in(tmp_path / "missing") == []
    writing.write("ram://list/b", "")
    writing.write("ram://list/a/below", "")
    assert places.files_in("ram://list") == ["ram://list/a", "ram://list/b"]
    assert places.files_in("ram://missing") == []


@pytest.mark.parametrize("missing", ["missing", "ram://missing/file"])
def test_a_file_that_cannot_be_read_is_reported_with_the_next_step(missing):
    with pytest.raises(Failure, match=rf"^{missing} cannot be read: .*[^.]\. Run again\.$"):
        places.read(missing, "Run again.")


def test_a_full_or_a_read_only_disk_is_reported_in_one_line(tmp_path):
    with pytest.raises(Failure) as full, writing.reported(tmp_path):  # noqa: SIM117
        with tf.io.gfile.GFile("/dev/full", "w") as file:
            file.write("content")
    assert str(full.value).startswith(f"{tmp_path} cannot be written: No space left on device. ")
    assert "\n" not in str(full.value)
    with pytest.raises(Failure, match="Read-only file system"), writing.reported(tmp_path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_computation_that_fails_is_not_taken_for_a_disk_that_does(tmp_path):
    for error in (
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
        tf.errors.InvalidArgumentError(None, None, "shapes do not match"),
        tf.errors.CancelledError(None, None, "the step was cancelled"),
        tf.errors.OutOfRangeError(None, None, "End of sequence"),
        ConnectionResetError(errno.ECONNRESET, "the worker has gone"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ZeroDivisionError(),
    ):
        with pytest.raises(type(error)), writing.reported(tmp_path):
            raise error
