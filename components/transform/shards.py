"""Raw shards in, transformed shards out, one record after the other in its order."""

import dataclasses
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor as Pool

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.transform import masks
from components.transform.analyzers import PixelStatistics
from components.transform.corrupt_images import CorruptImage, split_corrupt
from components.transform.job import Job, Shard
from components.transform.options import Preprocessing
from components.transform.preprocessing import OUT_OF_VOCABULARY
from failures import Failure
from files import tfrecords
from files.writing import whole_file

# Batches are large enough to hide the cost of a call, and small in memory.
_BATCH_BYTES = 4 << 20  # of transformed pixels
_BATCHES_AHEAD = 4

# What a batch raises whose records or images cannot be used. TensorFlow quotes a record that it
# cannot parse in its message, and its bytes are often no UTF-8.
UNUSABLE = (tf.errors.InvalidArgumentError, UnicodeDecodeError)

# serialized examples (batch,) string -> image (batch,) string, label (batch,) int64 or
# mask (batch,) string, pixel sums (batch, 2, channels) int64
TransformBatch = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


@dataclasses.dataclass
class ShardResult:
    """What became of one shard."""

    split: str
    written: int = 0
    out_of_vocabulary: int = 0
    corrupt: list[CorruptImage] = dataclasses.field(default_factory=list)
    pixels: tuple = ()  # accumulator of PixelStatistics
    classes: list[int] = dataclasses.field(default_factory=list)  # those met, in rising order
    mask_pixels: list[int] = dataclasses.field(default_factory=list)  # by class id; of masks


def batches(shard: Shard, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Reads a file's records, some at a time.

    Args:
      shard: a TFRecord file, plain or gzipped.
      size: the most records at a time; large records come in smaller batches.

    Yields:
      The number of the first record, from 0, and a (batch,) object array of bytes.

    Raises:
      Failure: when the file is truncated or corrupt.
    """
    next_step = "Restore the file, or remove the pipeline root and run again."
    for first, batch in tfrecords.batches(shard.source, size, next_step=next_step):
        yield first, np.array(batch, dtype=object)


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
    targets: np.ndarray  # (batch,) int64 labels, or bytes of masks
    pixel_sums: np.ndarray  # (batch, 2, channels) int64
    corrupt: list[CorruptImage]


def transform_batch(
    serialized: np.ndarray, first: int, shard: Shard, transform: TransformBatch, job: Job
) -> TransformedBatch:
    """Transforms a batch; only when that fails, looks which images are corrupt and goes without.

    Args:
      serialized: (batch,) serialized examples.
      first: the number of the batch's first record in its file.
      shard: the file, for messages.
      transform: the transform graph over serialized examples.
      job: the images' size, and the features' names and types.

    Raises:
      Failure: when a label is missing or of the wrong type, or a mask is missing or has
        not its image's proportions.
    """
    corrupt, options = [], job.options
    try:
        images, targets, sums = transform(tf.constant(serialized))
    except UNUSABLE:
        check_targets(serialized, first, shard, job)
        good, corrupt = split_corrupt(
            serialized, options.image_feature, options.channels, options.mask_feature
        )
        images, targets, sums = transform(tf.constant(serialized[good], tf.string))
    return TransformedBatch(
        images.numpy().tolist(),
        targets.numpy(),
        sums.numpy(),
        [
            CorruptImage(shard.split, shard.file, first + position, reason)
            for position, reason in corrupt
        ],
    )


def check_targets(serialized: Sequence[bytes], first: int, shard: Shard, job: Job) -> None:
    """Raises a Failure for the first example whose label, or mask, cannot be used."""
    check = check_labels if job.options.target == "label" else masks.check_masks
    check(serialized, first, shard, job)


def check_labels(serialized: Sequence[bytes], first: int, shard: Shard, job: Job) -> None:
    """Raises a Failure for the first example that has not exactly one label of the right type."""
    name = job.options.label_feature
    wanted = "int64_list" if job.features[name] == tf.int64 else "bytes_list"
    for number, record in enumerate(serialized, start=first):
        where = f"Transform: record {number} of {shard.file} in split {shard.split!r}"
        try:
            feature = tf.train.Example.FromString(record).features.feature.get(name)
        except DecodeError as error:
            raise Failure(f"{where} is no tf.train.Example. Repair the dataset.") from error
        kind = feature.WhichOneof("kind") if feature else None
        count = len(getattr(feature, kind).value) if kind else 0
        if count != 1:
            raise Failure(
                f"{where} has {count} values of label_feature {name!r}, and every example needs "
                "one. Name another label_feature or repair the dataset."
            )
        if kind != wanted:
            raise Failure(
                f"{where} has a {kind} for label_feature {name!r}, and the schema says {wanted}. "
                "Repair the dataset: every split needs labels of one type."
            )


def transform_shard(shard: Shard, transform: TransformBatch, job: Job, pool: Pool) -> ShardResult:
    """Writes one transformed file, whole or not at all.

    Args:
      shard: what to read and where to write.
      transform: the transform graph over serialized examples.
      job: with more corrupt images than its options allow, reading ends early.
      pool: threads that the batches are spread over.

    Returns:
      The counts, what was corrupt, and what the pixels add up to.
    """
    statistics = PixelStatistics(job.options)
    result = ShardResult(shard.split, pixels=statistics.create_accumulator())
    labelled = job.options.target == "label"
    if labelled:
        encode = ExampleEncoder(job.options.image_bytes)
    else:
        encode = masks.MaskExampleEncoder(job.options.image_bytes, job.options.mask_bytes)
        mask_pixels = np.zeros(256, np.int64)
    classes = set()

    def transform_numbered(numbered):
        first, batch = numbered
        return transform_batch(batch, first, shard, transform, job)

    with whole_file(shard.target) as unfinished, tf.io.TFRecordWriter(unfinished) as writer:
        for batch in in_order(transform_numbered, batches(shard, batch_size(job.options)), pool):
            targets = batch.targets.tolist()
            for image, target in zip(batch.images, targets, strict=True):
                writer.write(encode(image, target))
            result.written += len(batch.images)
            if labelled:
                result.out_of_vocabulary += targets.count(OUT_OF_VOCABULARY)
                classes.update(targets)
            else:
                mask_pixels += masks.count_pixels(targets)
            result.pixels = statistics.add_input(result.pixels, batch.pixel_sums)
            result.corrupt += batch.corrupt
            if len(result.corrupt) > job.options.corrupt_allowed:
                break
    if not labelled:
        result.mask_pixels = mask_pixels.tolist()
    result.classes = sorted(classes)
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
