"""The classes of the training split, numbered in their natural order.

tft.vocabulary orders by frequency, so one more example could renumber the classes.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from components.transform import shards
from components.transform.job import Job, Shard
from failures import Failure

NAME = "labels"  # as TFTransformOutput.vocabulary_by_name knows it
_LABELS_AT_ONCE = 4096
# A lookup table cannot be made of an empty file. Examples without a label stay without a class.
_NO_LABEL = b"0\n"

Labels = set[int] | set[bytes]


@dataclasses.dataclass(frozen=True)
class LabelsOfShard:
    """The work on a shard: its distinct labels, read without decoding an image."""

    job: Job

    def __call__(self, shard: Shard) -> Labels:
        label = self.job.features.label_feature
        spec = {label: self.job.raw_spec[label]}
        labels = set()
        for first, batch in shards.batches(shard, _LABELS_AT_ONCE):
            try:
                parsed = tf.io.parse_example(batch, spec)
            except shards.UNUSABLE:
                self.job.part.check_records(batch, first, shard, self.job)
                raise
            found = parsed[label]
            found = found.values if isinstance(found, tf.SparseTensor) else found
            labels |= set(np.unique(found.numpy()).tolist())
        return labels


def content(labels: Iterable[int] | Iterable[bytes], class_names: Sequence[str] | None) -> bytes:
    """The vocabulary file: one line a label, in natural order.

    Ids rise numerically and are written as their class name where there are names; texts
    rise lexicographically. An id without a name and an empty text are not labels. Without
    any label, the file is one line that stands for nothing.

    Raises:
      Failure: a label is not a line of UTF-8.
    """
    if class_names is None:
        lines = [_line(label) for label in sorted(labels) if label != b""]
    else:
        known = sorted(set(labels) & set(range(len(class_names))))
        lines = [_line(class_names[label].encode()) for label in known]
    return b"".join(line + b"\n" for line in lines) or _NO_LABEL


def only(vocabulary: bytes, classes: set[int]) -> bytes:
    """The vocabulary reduced to these lines, by number; unchanged where that leaves none."""
    lines = vocabulary.splitlines(keepends=True)
    return b"".join(line for number, line in enumerate(lines) if number in classes) or vocabulary


def _line(label: int | bytes) -> bytes:
    if isinstance(label, int):
        return str(label).encode()
    if b"\n" in label or b"\r" in label:
        raise Failure(
            f"Transform: label {label.decode(errors='replace')!r} contains a line break, and the "
            "vocabulary has one label a line. Rename the label in the dataset."
        )
    try:
        label.decode()
    except UnicodeDecodeError as error:
        shown = label.decode(errors="backslashreplace")
        raise Failure(
            f"Transform: label '{shown}' is not UTF-8. Rename the label in the dataset."
        ) from error
    return label
