"""An error in reading shards: which record it is about, and when none is looked for."""

import logging
import os
import re
import time

import pytest
import tensorflow as tf

from components.trainer.input.function import input_function
from tests.components.trainer.input.conftest import SHAPE, fed


def source_of(files):
    return fed(input_function, files, SHAPE, 8, training=False, strategy="streaming").source


def damage(path: str) -> None:
    """A pixel of the last record."""
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) - 30)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 255]))


def fail(error, message: str = "said by TensorFlow") -> tf.errors.OpError:
    return error(None, None, message)


@pytest.mark.slow
def test_a_damaged_record_among_many_is_found_in_seconds(write_shards, caplog):
    files = write_shards(20_000)  # The last file has 11,112 of them.
    source = source_of(files)
    damage(files[2])
    caplog.set_level(logging.INFO, "steadyfeed.progress")
    began = time.perf_counter()
    said = str(source.explain(fail(tf.errors.DataLossError)))
    assert time.perf_counter() - began < 3  # One at a time they take ten or more.
    assert f"{files[2]} is damaged after 11111 whole records" in said
    assert "2 of 3 files are whole" in caplog.messages[-1]


@pytest.mark.parametrize("kind", [tf.errors.InvalidArgumentError, tf.errors.CancelledError])
def test_a_record_that_cannot_be_decoded_is_named(kind, write_shards):
    files = write_shards(40)
    source = source_of(files)
    with tf.io.TFRecordWriter(files[1]) as writer:
        for example in [*tf.data.TFRecordDataset(files[2]).take(5), b"no Example"]:
            writer.write(example if isinstance(example, bytes) else example.numpy())
    said = str(source.explain(fail(kind)))
    assert re.search(rf"^Record 5 of the shard {files[1]} does not hold 'image'", said)


@pytest.mark.parametrize(
    ("kind", "next_step"),
    [
        (tf.errors.UnavailableError, "Try again."),
        (tf.errors.NotFoundError, "Run the Transform again."),
    ],
)
def test_an_error_that_no_record_causes_is_told_at_once(kind, next_step, write_shards):
    files = write_shards(40)
    source = source_of(files)
    damage(files[2])  # Who read them again would tell of this.
    reason = "Error executing an HTTP request: HTTP response code 503"
    said = str(source.explain(fail(kind, f"{reason}\n\t when reading gs://bucket/shard")))
    assert said == f"{files[0]} and 2 more cannot be read: {reason}. {next_step}"
