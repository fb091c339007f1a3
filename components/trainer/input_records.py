"""Reading transformed Examples from TFRecord shards, many at a time."""

import os
from collections.abc import Sequence

import tensorflow as tf

from components.trainer.input_features import Feature, parse

_BLOCK_BYTES = 4 << 20


def batches(files: Sequence[str], features: Sequence[Feature]) -> tf.data.Dataset:
    """All examples in the files' order, in large batches: one (batch, row) tensor a feature."""
    row_bytes = sum(feature.row_bytes for feature in features)
    size = max(1, min(4096, _BLOCK_BYTES // row_bytes))
    records = tf.data.TFRecordDataset(list(files))
    return records.batch(size).map(
        lambda serialized: parse(serialized, features), num_parallel_calls=cores()
    )


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
