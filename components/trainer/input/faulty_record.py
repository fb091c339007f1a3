"""Finds the record of shards that an error in reading them is about.

tf.data says of an error neither in which file nor at which record it came.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import tensorflow as tf

from components.trainer.input.source import tf_data_options
from components.usable_cores import usable_cores

_READ_BYTES = 1 << 20
_NARROWER = 64  # times: how much smaller a batch is read next in place of one with a fault

_progress = logging.getLogger("steadyfeed.progress")


class FaultyRecord(NamedTuple):
    """A record that cannot be read or decoded."""

    file: str
    number: int  # of whole records before it in the file
    error: tf.errors.OpError  # what it raises when it is read and decoded alone


def find(files: Sequence[str], decode: Callable, at_once: int) -> FaultyRecord | None:
    """The first record of the files that cannot be read or decoded; None where all can.

    Args:
      decode: takes a batch of serialized Examples, (batch,) string, within a graph.
      at_once: how many it takes in a call.
    """
    strings = tf.TensorSpec([None], tf.string)
    graph = tf.function(decode, input_signature=[strings], autograph=False).get_concrete_function()
    over = threading.Event()
    with ThreadPoolExecutor(usable_cores()) as threads:
        try:
            found = threads.map(lambda file: _in_file(file, graph, at_once, over), files)
            for done, fault in enumerate(found, start=1):
                if fault:
                    return fault
                said = f"looking for the faulty record: {done} of {len(files)} files are whole"
                _progress.info(said, extra={"completed": done / len(files)})
        finally:
            over.set()
    return None


def _in_file(
    file: str, decode: Callable, at_once: int, over: threading.Event
) -> FaultyRecord | None:
    """The first faulty record of a file; None where there is none, or once the search is over."""
    first, count, size = 0, -1, at_once  # of all records, and then of the batch with the fault
    while True:
        records = tf.data.TFRecordDataset(file, buffer_size=_READ_BYTES).skip(first).take(count)
        batches = records.batch(size).with_options(tf_data_options(deterministic=True))
        try:
            for batch in batches:
                if over.is_set():
                    return None
                decode(batch)
                first += size
            return None
        except tf.errors.OpError as error:
            if size == 1:
                return FaultyRecord(file, first, error)
        count, size = size, max(1, size // _NARROWER)
