"""Measures how long each stage of an input takes, by tf.data's own performance model."""

import collections
import time

import tensorflow as tf

# Plain names of tf.data's operations; any other operation keeps its own name.
_WORDS = {
    "TFRecord": "read",
    "FlatMap": "read",  # tf.data.TFRecordDataset's, over its files
    "Unbatch": "read",
    "Range": "order",
    "TensorSlice": "order",
    "FiniteSkip": "order",  # of a window's files
    "FiniteTake": "order",
    "Shuffle": "shuffle",
    "Interleave": "order",
    "ParallelInterleave": "order",
    "Batch": "batch",
    "ParallelBatch": "batch",
    "Map": "decode",
    "ParallelMap": "decode",
    "MapAndBatch": "decode",
    # These only pass on batches; their time is spent waiting for other stages.
    "Prefetch": None,
    "AssertCardinality": None,
    "Zip": None,
    "FromTensor": None,
    "ForeverRepeat": None,
    "Root": None,
}
# What maps do.
_WORK = {"memory": "gather", "disk": "read", "compressed": "decode", "streaming": "decode"}
_BATCHES = 32


def stages(dataset: tf.data.Dataset, seconds: float, strategy: str) -> list[dict]:
    """The stages of a dataset, slowest first.

    Reads some batches with a second iterator: tf.data records times only with autotuning, which
    costs a fast input a tenth of its speed.

    Args:
      dataset: of batches.
      seconds: how long to read; the batch being read then is still finished.
      strategy: the input's, which says what maps do.

    Returns:
      For each stage its `name`, `milliseconds` of processor time per batch, and `share` of the
      time of all stages; empty if tf.data recorded nothing.
    """
    tuned = tf.data.Options()
    tuned.autotune.enabled = True
    iterator = iter(dataset.with_options(tuned))
    deadline = time.perf_counter() + seconds
    for number, _ in enumerate(iterator, 1):
        if number == _BATCHES or time.perf_counter() > deadline:
            break
    try:
        model = tf.data.experimental.get_model_proto(iterator)
    except tf.errors.OpError:
        return []
    return _in_words(model, strategy)


def _in_words(model, strategy: str) -> list[dict]:
    batches = max(1, model.nodes[model.output].num_elements)
    nanoseconds = collections.Counter()
    for node in model.nodes.values():
        kind = node.name.rstrip("0123456789").removesuffix("V")
        word = _WORDS.get(kind, kind)
        if word == "decode":
            word = _WORK[strategy]
        if word:
            nanoseconds[word] += node.processing_time
    total = sum(nanoseconds.values()) or 1
    return [
        {"name": name, "milliseconds": spent / batches / 1e6, "share": spent / total}
        for name, spent in nanoseconds.most_common()
        if spent
    ]
