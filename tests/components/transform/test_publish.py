"""Files that appear whole, and disks that are full."""

import errno
import os

import pytest
import tensorflow as tf

from components.transform import publish
from failures import Failure


def test_a_folder_is_moved_with_its_last_entry_at_the_end(tmp_path):
    for name in ("a/deep", "b", "z"):
        (tmp_path / "partial" / name).mkdir(parents=True)
    (tmp_path / "partial" / "a" / "deep" / "file").write_text("content")
    publish.folder(str(tmp_path / "partial"), str(tmp_path / "target"), last="a")
    assert (tmp_path / "target" / "a" / "deep" / "file").read_text() == "content"
    assert sorted(os.listdir(tmp_path / "target")) == ["a", "b", "z"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_disk_is_told_in_one_line(tmp_path):
    with pytest.raises(Failure) as raised, publish.writing(str(tmp_path)):  # noqa: SIM117
        with tf.io.gfile.GFile("/dev/full", "w") as file:
            file.write("content")
    message = str(raised.value)
    assert message.startswith(f"Transform cannot write in {tmp_path}: No space left on device.")
    assert "\n" not in message


def test_a_read_only_folder_is_told_in_one_line(tmp_path):
    with pytest.raises(Failure, match="Read-only file system"), publish.writing(str(tmp_path)):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_memory_that_ran_out_is_no_full_disk(tmp_path):
    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    with pytest.raises(tf.errors.ResourceExhaustedError), publish.writing(str(tmp_path)):
        raise error
