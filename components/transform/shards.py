"""Raw shards in, transformed shards out, one record after the other in its order."""

import dataclasses
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor as Pool

import numpy as np
import tensorflow as tf

from components.failure import Failure
from components.transform import corrupt_images, publish
from components.transform.analyzers import PixelStatistics
from components.transform.corrupt_images import CorruptImage
from components.transform.job import Shard
from components.transform.options import Preprocessing
from components.transform.preprocessing import OUT_OF_VOCABULARY

_BATCH_BYTES = 4 << 20  # of transformed pixels: enough to hide the cost of a call, small in memory
_BATCHES_AHEAD = 4

# serialized examples (batch,) -> image (batch,) string, label (batch,) int64, sums (batch, 2, c)
TransformBatch = Callable[[np.ndarray], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


@dataclasses.dataclass
class ShardResult:
    """What became of one shard."""

    split: str
    written: int = 0
    out_of_vocabulary: int = 0
    corrupt: list[CorruptImage] = dataclasses.field(default_factory=list)
    pixels: tuple = ()  # accumulator of PixelStatistics


def batches(shard: Shard, size: int) -> Iterator[np.ndarray]:
    """Serialized records, (batch,) object arrays of bytes.

    Raises:
      Failure: when the file is truncated or corrupt.
    """
    # A tf.data.Dataset costs 25 ms to start, a hundred times what a small file takes to read.
    reader = tf.compat.v1.io.tf_record_iterator(shard.source)
    records = 0
    try:
        while batch := list(itertools.islice(reader, size)):
            records += len(batch)
            yield np.array(batch, dtype=object)
    except tf.errors.DataLossError as error:
        raise Failure(
            f"Transform cannot read {shard.source} beyond record {records}: {error.message}. "
            "Remove what TfdsExampleGen wrote and run again."
        ) from error


def batch_size(options: Preprocessing) -> int:
    """How many examples go through the graph together."""
    return max(1, min(1024, _BATCH_BYTES // options.image_bytes))


def in_order(function: Callable, items: Iterable, pool: Pool) -> Iterator:
    """`map` on a pool, reading only a few items ahead so that memory stays flat."""
    ahead = deque()
    for item in items:
        ahead.append(pool.submit(function, item))
        if len(ahead) > _BATCHES_AHEAD:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


@dataclasses.dataclass(frozen=True)
class TransformedBatch:
    images: list[bytes]
    labels: np.ndarray  # (batch,) int64
    pixel_sums: np.ndarray  # (batch, 2, channels) int64
    corrupt: list[tuple[int, str]]  # (position in the batch, reason)


def transform_batch(
    serialized: np.ndarray, transform: TransformBatch, options: Preprocessing
) -> TransformedBatch:
    """Transforms a batch; only when that fails, looks which images are corrupt and goes without.

    Raises:
      Failure: when a label is missing or of the wrong type.
    """
    corrupt = []
    try:
        images, labels, sums = transform(serialized)
    except tf.errors.InvalidArgumentError:
        good, corrupt = corrupt_images.split_corrupt(
            serialized, options.image_feature, options.channels
        )
        check_labels(serialized[good], options.label_feature)
        images, labels, sums = transform(serialized[good])
    return TransformedBatch(images.numpy().tolist(), labels.numpy(), sums.numpy(), corrupt)


def check_labels(serialized: Sequence[bytes], label_feature: str) -> None:
    """Raises a Failure for the first example that has not exactly one label of the usual type."""
    kinds = {}
    for record in serialized:
        feature = tf.train.Example.FromString(record).features.feature.get(label_feature)
        kind = feature.WhichOneof("kind") if feature else None
        count = len(getattr(feature, kind).value) if kind else 0
        if count != 1:
            raise Failure(
                f"Transform met an example with {count} values of feature {label_feature!r}, and "
                "every example needs one. Name the label's feature in label_feature, or repair "
                "the dataset."
            )
        kinds.setdefault(kind, record)
    if len(kinds) > 1:
        raise Failure(
            f"Transform met labels of several types in feature {label_feature!r}: "
            f"{', '.join(sorted(kinds))}. Repair the dataset: one type for all examples."
        )


def transform_shard(
    shard: Shard, transform: TransformBatch, options: Preprocessing, pool: Pool
) -> ShardResult:
    """Writes one transformed file, whole or not at all.

    Args:
      shard: what to read and where to write.
      transform: the transform graph over serialized examples.
      options: the images' size and names; with more corrupt images than they
        allow, reading ends early.
      pool: threads that the batches are spread over.

    Returns:
      The counts, what was corrupt, and what the pixels add up to.
    """
    statistics = PixelStatistics(options)
    result = ShardResult(shard.split, pixels=statistics.create_accumulator())
    encode = ExampleEncoder(options.image_bytes)
    partial = f"{shard.target}.partial"
    first = 0
    source = batches(shard, batch_size(options))
    with tf.io.TFRecordWriter(partial) as writer:
        for batch in in_order(lambda b: transform_batch(b, transform, options), source, pool):
            for image, label in zip(batch.images, batch.labels.tolist(), strict=True):
                writer.write(encode(image, label))
            result.written += len(batch.images)
            result.out_of_vocabulary += int((batch.labels == OUT_OF_VOCABULARY).sum())
            result.pixels = statistics.add_input(result.pixels, batch.pixel_sums)
            result.corrupt += [
                CorruptImage(shard.split, shard.file, first + position, reason)
                for position, reason in batch.corrupt
            ]
            first += len(batch.images) + len(batch.corrupt)
            if len(result.corrupt) > options.corrupt_allowed:
                break
    publish.file(partial, shard.target)
    return result


class ExampleEncoder:
    """Serializes {image: bytes of one fixed size, label: int64} as tf.train.Example.

    The bytes around the image depend on the label alone, so they are made once a
    label: ten times as fast as building a message for every example.
    """

    def __init__(self, image_bytes: int):
        self._blank = bytes(image_bytes)
        self._around = {}

    def __call__(self, image: bytes, label: int) -> bytes:
        if label not in self._around:
            self._around[label] = self._surroundings(label)
        head, tail = self._around[label]
        return head + image + tail

    def _surroundings(self, label: int) -> tuple[bytes, bytes]:
        example = tf.train.Example()
        example.features.feature["image"].bytes_list.value.append(self._blank)
        example.features.feature["label"].int64_list.value.append(label)
        serialized = example.SerializeToString(deterministic=True)
        # No byte before the image is 0: tags, lengths and the name are not.
        start = serialized.index(b"\0")
        return serialized[:start], serialized[start + len(self._blank) :]


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
