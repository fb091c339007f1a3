"""How long each stage of an input takes, as tf.data's own model of it says."""

import collections
import time

import tensorflow as tf

# tf.data's operations in words; what is not here keeps its own name.
_WORDS = {
    "TFRecord": "read",
    "FlatMap": "read",  # tf.data.TFRecordDataset's, over its files
    "Unbatch": "read",
    "Range": "order",
    "TensorSlice": "order",
    "Shuffle": "shuffle",
    "Interleave": "order",
    "ParallelInterleave": "order",
    "Batch": "batch",
    "ParallelBatch": "batch",
    "Map": "decode",
    "ParallelMap": "decode",
    "MapAndBatch": "decode",
    # They hand on what others made, and their time is that of waiting for it.
    "Prefetch": None,
    "AssertCardinality": None,
    "Zip": None,
    "Root": None,
}
_BATCHES = 32


def stages(dataset: tf.data.Dataset, seconds: float, strategy: str) -> list[dict]:
    """The stages of a dataset, the slowest first.

    A second reader of the same dataset is asked for some batches: tf.data keeps times only where
    it may tune, which costs a fast input a tenth of its speed.

    Args:
      dataset: of batches.
      seconds: that it may take, beyond the batch that they run out in.
      strategy: of the input; in memory the images are gathered and no more decoded.

    Returns:
      For each stage `name`, `milliseconds` of processor time a batch, and `share` of all
      stages' time; empty where tf.data tells nothing.
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
        if word == "decode" and strategy == "memory":
            word = "gather"
        if word:
            nanoseconds[word] += node.processing_time
    total = sum(nanoseconds.values()) or 1
    return [
        {"name": name, "milliseconds": spent / batches / 1e6, "share": spent / total}
        for name, spent in nanoseconds.most_common()
        if spent
    ]
