"""Batches of stored examples in an order that takes them from anywhere.

One read for each example is slower than the disk strategy's windows, and quick enough on a disk
without moving parts; what is small fits into memory anyway.
"""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.trainer.input.features import aligned_rows
from components.trainer.input.order import Order
from components.trainer.input.source import Loading, Source, traced


def batches(source: Source, order: Order) -> Loading:
    """Batches in `order` of examples that `disk.stored`."""
    # Not the source, whose lock ends with it.
    record, files = source.form.record_bytes, source.in_place
    ends = np.cumsum([os.path.getsize(file) // record for file in files])

    def load(numbers):
        return _load(files, record, ends, numbers)

    @traced
    def gather(numbers):
        records = tf.numpy_function(load, [numbers], tf.uint8, stateful=False)
        records = tf.ensure_shape(records, (numbers.shape[0], record))
        return tuple(f.restore(source.form.values(records, f.name)) for f in source.features)

    return order.numbers(), gather


def labels(source: Source) -> np.ndarray:
    """The labels of examples that `disk.stored`, in the order of its files: (examples,) int64."""
    name, record = source.features[1].name, source.form.record_bytes
    place = source.form.place(name)
    found = []
    for file in source.in_place:
        if os.path.getsize(file):
            rows = np.memmap(file, np.uint8, "r").reshape(-1, record)
            found.append(source.form.decoded(tf.constant(rows[:, place]), name).numpy())
    return np.concatenate(found)


def _load(files: Sequence[str], record: int, ends: np.ndarray, numbers: np.ndarray):
    """The records of these numbers, counted through all files: (numbers, record_bytes) uint8."""
    rows = aligned_rows(len(numbers), record)
    of_file = np.searchsorted(ends, numbers, "right")
    starts = np.concatenate([[0], ends[:-1]])
    for number in np.unique(of_file):
        with open(files[number], "rb", buffering=0) as file:
            for row in np.flatnonzero(of_file == number):
                file.seek(int(numbers[row] - starts[number]) * record)
                if file.readinto(memoryview(rows[row])) != record:
                    raise ValueError(f"{files[number]} has become shorter")
    return rows
