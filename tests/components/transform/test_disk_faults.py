"""A full or a read-only disk is reported in one line."""

import errno
import os

import pytest
import tensorflow as tf

from components.transform import disk_faults
from failures import Failure


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_disk_is_told_in_one_line(tmp_path):
    with pytest.raises(Failure) as raised, disk_faults.writing(str(tmp_path)):  # noqa: SIM117
        with tf.io.gfile.GFile("/dev/full", "w") as file:
            file.write("content")
    message = str(raised.value)
    assert message.startswith(f"Transform cannot write in {tmp_path}: No space left on device.")
    assert "\n" not in message


def test_a_read_only_folder_is_told_in_one_line(tmp_path):
    with pytest.raises(Failure, match="Read-only file system"), disk_faults.writing(str(tmp_path)):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_memory_that_ran_out_is_no_full_disk(tmp_path):
    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    with pytest.raises(tf.errors.ResourceExhaustedError), disk_faults.writing(str(tmp_path)):
        raise error
