"""Raw shards in, transformed shards out, record by record in their order."""

import dataclasses
import functools
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.image_decode import UNDECODABLE
from components.in_parallel import in_threads
from components.transform import pixel_overlap, pixel_statistics
from components.transform.corrupt_images import CorruptImage, split_corrupt
from components.transform.encoding import FixedExample
from components.transform.job import Job, Shard
from components.usable_cores import usable_cores
from failures import Failure
from files import places, tfrecords, writing
from settings.data import WEIGHT

# Batches are large enough to hide the cost of a call, and small in memory.
_BATCH_BYTES = 4 << 20  # of transformed pixels
_AHEAD = 2  # batches that are ready while one is written

# What a batch raises whose records or images cannot be used. TensorFlow quotes a record that it
# cannot parse in its message, and its bytes are often not UTF-8.
UNUSABLE = (*UNDECODABLE, UnicodeDecodeError)

# serialized examples (batch,) string -> image (batch,) string, label (batch,) int64, or labels or
# mask (batch,) string, weight (batch,) float32
TransformBatch = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


@dataclasses.dataclass
class ShardResult:
    """What became of one shard."""

    split: str
    pixels: np.ndarray  # of its images, as `pixel_statistics.of_batch`
    written: int = 0  # transformed examples
    # Examples or, of masks, pixels, by class id.
    targets: Counter[int] = dataclasses.field(default_factory=Counter)
    corrupt: list[CorruptImage] = dataclasses.field(default_factory=list)  # left out
    digests: bytes = b""  # of its images, as `pixel_overlap.digests`
    sha256: str = ""  # of the checksums of what is written, record by record


class Batch(NamedTuple):
    """What became of a batch of a shard."""

    records: np.ndarray  # (transformed examples, size) uint8, as a TFRecord file holds them
    digests: bytes  # and the rest as of a shard
    targets: Counter[int]
    pixels: np.ndarray
    corrupt: list[CorruptImage]


class TransformShard:
    """The work on a shard: writes its transformed file, whole or not at all."""

    def __init__(self, job: Job, load: Callable[[Job], TransformBatch]):
        self._job, self._load = job, load

    def __getstate__(self):
        return {"_job": self._job, "_load": self._load}  # A worker loads the graph itself.

    @functools.cached_property
    def _transform(self) -> TransformBatch:
        return self._load(self._job)

    def __call__(self, shard: Shard) -> ShardResult:
        """With more corrupt images than the job allows, reading ends early."""
        job = self._job
        result = ShardResult(shard.split, np.zeros((2, job.options.channels), object))
        form, digests, checksums = FixedExample(job.forms), bytearray(), hashlib.sha256()

        def transformed(numbered):
            first, serialized = numbered
            return transform_batch(serialized, first, shard, self._transform, job, form)

        size = max(1, min(1024, _BATCH_BYTES // job.forms["image"]))
        # A local file takes the array itself: a copy of it would hold up all other threads.
        as_written = np.ndarray.tobytes if places.is_remote(shard.target) else np.asarray
        with writing.large_file(shard.target) as file:
            read = batches(shard, size)
            for batch in in_threads(transformed, read, usable_cores() + _AHEAD):
                file.write(as_written(batch.records))
                checksums.update(batch.records[:, tfrecords.CHECKSUM].tobytes())
                digests += batch.digests
                result.written += len(batch.records)
                result.targets.update(batch.targets)
                result.pixels += batch.pixels
                result.corrupt += batch.corrupt
                if len(result.corrupt) > job.options.corrupt_allowed:
                    break
        result.digests, result.sha256 = bytes(digests), checksums.hexdigest()
        return result


def batches(shard: Shard, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """A file's records, `size` at a time, or fewer that are large: the number of the first, from
    0, and a (batch,) object array of bytes."""
    next_step = "Restore the file, or remove the pipeline root and run again."
    for first, batch in tfrecords.batches(shard.source, size, next_step=next_step):
        yield first, np.array(batch, dtype=object)


def transform_batch(
    serialized: np.ndarray,
    first: int,
    shard: Shard,
    transform: TransformBatch,
    job: Job,
    form: FixedExample,
) -> Batch:
    """Transforms a batch. Only if that fails, it looks for corrupt images and leaves them out.

    Args:
      serialized: (batch,) serialized examples.
      first: the number of the batch's first record in its file.
      form: of the transformed examples.

    Raises:
      Failure: a label or weight is missing or of the wrong type, a weight is negative, or a mask
        is missing or its proportions are not those of its image.
    """
    corrupt = []
    try:
        outputs = transform(tf.constant(serialized))
    except UNUSABLE:
        job.part.check_records(serialized, first, shard, job)
        check_weights(serialized, first, shard, job)
        good, corrupt = split_corrupt(
            serialized,
            job.features.image_feature,
            job.options.channels,
            job.options.exif_orientation,
            job.features.mask_feature,
            job.features.mask_colours,
        )
        outputs = transform(tf.constant(serialized[good], tf.string))
    names = "image", job.features.target, WEIGHT
    columns = {
        name: _column(output.numpy(), job.forms.get(name))
        for name, output in zip(names, outputs, strict=True)
    }
    weights = columns[WEIGHT]
    if not (np.isfinite(weights) & (weights >= 0)).all():
        check_weights(serialized, first, shard, job)
    records = form.encode_batch(columns)
    tfrecords.set_frames(records)
    return Batch(
        records,
        pixel_overlap.digests(columns["image"]),
        job.part.counts(columns[job.features.target], job.classes),
        pixel_statistics.of_batch(columns["image"], job.options.shape),
        [
            CorruptImage(shard.split, shard.file, first + position, reason)
            for position, reason in corrupt
        ],
    )


def _column(values: np.ndarray, form: int | str | None) -> np.ndarray:
    """A feature of a batch: (batch,) of numbers, or of bytes (batch, `form`) uint8."""
    if values.dtype != object:
        return values
    return np.frombuffer(b"".join(values.tolist()), np.uint8).reshape(len(values), form)


def check_weights(serialized: Sequence[bytes], first: int, shard: Shard, job: Job) -> None:
    """Raises a Failure for the first example without exactly one weight of 0 or more."""
    name = job.features.weight_feature
    if name is None:
        return
    for number, record in enumerate(serialized, start=first):
        feature = tf.train.Example.FromString(record).features.feature.get(name)
        kind = feature.WhichOneof("kind") if feature else None
        values = list(getattr(feature, kind).value) if kind else []
        wanted = "int64_list" if job.weight_type == tf.int64 else "float_list"
        weighs = kind == wanted and len(values) == 1 and 0 <= values[0] < math.inf
        if not weighs:
            raise Failure(
                f"Transform: record {number} of {shard.file} in split {shard.split!r} has "
                f"{values!r:.60} as weight_feature {name!r}, and every example needs one number "
                "of 0 or more. Name another weight_feature or repair the dataset."
            )
