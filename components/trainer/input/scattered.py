"""Batches of stored examples in an order that takes them from anywhere.

One read for each example is slower than the disk strategy's windows, and quick enough on a disk
without moving parts; what is small fits into memory anyway.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.trainer.input.epochs import Epochs
from components.trainer.input.features import aligned_rows
from components.trainer.input.python_calls import numpy_function
from components.trainer.input.source import Loading, Source, traced


def batches(source: Source, epochs: Epochs) -> Loading:
    """Batches of examples that `disk.stored`."""
    # Not the source, whose lock ends with it.
    record, places, parts = source.form.record_bytes, source.in_place, source.parts()

    def load(numbers):
        return _load(places, parts, record, numbers)

    @traced
    def gather(numbers):
        records = numpy_function(load, [numbers], tf.uint8)
        records = tf.ensure_shape(records, (numbers.shape[0], record))
        return tuple(f.restore(source.form.values(records, f.name)) for f in source.features)

    return epochs.numbers(), gather


def labels(source: Source) -> np.ndarray:
    """The labels of examples that `disk.stored`, by their numbers: (examples,) int64."""
    name, record = source.features[1].name, source.form.record_bytes
    place = source.form.place(name)
    found = []
    for (file, first), count in zip(source.in_place, source.parts(), strict=True):
        if count:
            rows = np.memmap(file, np.uint8, "r").reshape(-1, record)[first : first + count]
            found.append(source.form.decoded(tf.constant(rows[:, place]), name).numpy())
    return np.concatenate(found)


def _load(
    places: Sequence[tuple[str, int]], parts: Sequence[int], record: int, numbers: np.ndarray
) -> np.ndarray:
    """The records of these numbers: (numbers, record_bytes) uint8."""
    rows = aligned_rows(len(numbers), record)
    ends = np.cumsum(parts)
    of_part = np.searchsorted(ends, numbers, "right")
    for part in np.unique(of_part):
        file, first = places[part]
        first += parts[part] - int(ends[part])
        with open(file, "rb", buffering=0) as stream:
            for row in np.flatnonzero(of_part == part):
                stream.seek((first + int(numbers[row])) * record)
                if stream.readinto(memoryview(rows[row])) != record:
                    raise ValueError(f"{file} has become shorter")
    return rows
