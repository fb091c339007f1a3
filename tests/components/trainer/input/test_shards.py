"""Shards are looked at together, since each look takes a network disk milliseconds."""

import os
import threading

import pytest
import tensorflow as tf

from components.trainer.input.shards import Shards
from components.trainer.input.source import tf_data_options


def test_records_of_many_files_are_found_at_once_and_in_the_files_order(write_shards):
    files, together = write_shards(45), threading.Barrier(3, timeout=10)

    def of_no_single_size(_):
        together.wait()

    shards = Shards(files, 1, record_bytes=of_no_single_size)
    assert shards.counts == (5, 15, 25)
    found = shards.all().with_options(tf_data_options(deterministic=True))
    stored = tf.data.TFRecordDataset(files)
    assert list(found.as_numpy_iterator()) == list(stored.as_numpy_iterator())


def test_of_several_damaged_files_the_first_is_named(write_shards):
    files = write_shards(45)
    for file in files[1:]:
        os.truncate(file, os.path.getsize(file) - 20)
    with pytest.raises(tf.errors.DataLossError, match=f"{files[1]} ends within a record"):
        _ = Shards(files, 1).counts
