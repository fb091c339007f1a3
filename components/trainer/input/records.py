"""Transformed Examples in TFRecord shards as a source."""

import dataclasses
import os
from collections.abc import Callable, Sequence

import tensorflow as tf

from components import graph_error
from components.trainer.input.decode import decode_features, decoder
from components.trainer.input.features import Feature
from components.trainer.input.source import Source, cores, traced
from failures import Failure
from files.strict_json import text_of

_FRAMING = 16  # bytes that a TFRecord adds to each record
_FILES_AT_ONCE = 8
_RUN = 16  # records read from one file before the next is turned to
_READ_BYTES = 1 << 20


def source(
    files: Sequence[str],
    features: Sequence[Feature],
    encoded: bool = False,
) -> Source:
    """The examples of the shards `files`, TFRecords of Examples, not compressed.

    Args:
      features: the image's, the target's and, if there is one, the weight's.
      encoded: whether the Examples hold encoded images instead of raw pixels.

    Raises:
      Failure: no files, one that is missing or compressed, or Examples without the features.
    """
    files = [str(file) for file in files]
    features = tuple(features)
    if not files:
        raise Failure("The input function got no files. Give it the shards of a split.")
    sizes = [_size(file) for file in files]
    pixels = sum(feature.row_bytes for feature in features if feature.dtype == "uint8")
    at_most = sum(size for size, _ in sizes) // (pixels + _FRAMING)

    def decode(serialized):
        return parse(serialized, features, encoded)

    def explained(error):
        return explain(files, features, decode, error)

    made = Source(
        name=_named(files),
        identity=text_of([encoded and decoder(features[0]), *zip(files, sizes, strict=True)]),
        features=features,
        elements=lambda seed: _records(files, seed),
        decode=decode,
        at_most=_count(files, explained) if encoded else at_most,
        count=lambda: _checked_count(files, decode, explained),
        explain=explained,
    )
    if encoded or any("://" in file or not made.form.may_fill(file) for file in files):
        return made
    return dataclasses.replace(made, in_place=files)


def parse(
    serialized: tf.Tensor,
    features: Sequence[Feature],
    encoded: bool = False,
) -> tuple[tf.Tensor, ...]:
    """Decodes a whole batch of Examples, (batch,) string, in one call, whatever its size.

    Returns:
      One tensor a feature, (batch, row) uint8 for pixels, (batch,) int64 or float32 for numbers.

    Raises:
      tf.errors.InvalidArgumentError: a feature is missing or has another size.
    """
    values = _values(serialized, features)
    if encoded:
        return decode_features(values, features)
    return tuple(_decode(*pair) for pair in zip(values, features, strict=True))


def _values(serialized: tf.Tensor, features: Sequence[Feature]) -> tuple[tf.Tensor, ...]:
    kinds = {"uint8": tf.string, "int64": tf.int64, "float32": tf.float32}
    wanted = {f.name: tf.io.FixedLenFeature([], kinds[f.dtype]) for f in features}
    parsed = tf.io.parse_example(serialized, wanted)
    return tuple(parsed[feature.name] for feature in features)


def _decode(values: tf.Tensor, feature: Feature) -> tf.Tensor:
    if feature.dtype != "uint8":
        return values  # (batch,)
    rows = tf.io.decode_raw(values, tf.uint8)  # (batch, row) uint8
    return tf.ensure_shape(rows, (values.shape[0], feature.row_bytes))


def _records(files: Sequence[str], seed: tf.Tensor | None) -> tf.data.Dataset:
    names = tf.constant(files)
    if seed is not None:
        names = tf.random.experimental.stateless_shuffle(names, seed)
    at_once = min(len(files), _FILES_AT_ONCE)
    return tf.data.Dataset.from_tensor_slices(names).interleave(
        traced(lambda file: tf.data.TFRecordDataset(file, buffer_size=_READ_BYTES)),
        cycle_length=at_once,
        block_length=_RUN,
        num_parallel_calls=min(at_once, cores()),
    )


def _checked_count(files: Sequence[str], decode: Callable, explained: Callable) -> int:
    """How many records there are; finds wrong features before any long work begins."""
    try:
        for record in tf.data.TFRecordDataset(files).take(1):
            decode(record[None])
    except tf.errors.OpError as error:
        raise explained(error) from error
    return _count(files, explained)


def _count(files: Sequence[str], explained: Callable) -> int:
    try:
        return sum(map(_count_records, files))
    except tf.errors.OpError as error:
        raise explained(error) from error


def _count_records(file: str) -> int:
    if "://" in file:
        return sum(1 for _ in tf.data.TFRecordDataset(file))
    # By their lengths alone. Not `files.tfrecords`: it needs google-crc32c, which the wheel
    # does not, and TensorFlow verifies the checksums when it reads.
    records, position = 0, 0
    size = os.path.getsize(file)
    with open(file, "rb", buffering=0) as stream:
        while header := stream.read(8):
            position += int.from_bytes(header, "little") + _FRAMING
            if position > size:
                raise tf.errors.DataLossError(None, None, f"{file} ends within a record")
            stream.seek(position)
            records += 1
    return records


def _size(file: str) -> tuple[int, int]:
    """A file's length in bytes and when it was changed, in nanoseconds."""
    try:
        stat = tf.io.gfile.stat(file)
    except tf.errors.OpError as error:
        raise Failure(
            f"The shard {file} cannot be read: {error.message}. Run the Transform again."
        ) from error
    return stat.length, stat.mtime_nsec


def explain(
    files: Sequence[str], features: Sequence[Feature], decode: Callable, error: tf.errors.OpError
) -> Failure:
    """What an error met in reading `files` means, with the file and the record that caused it."""
    for file in files:
        position = 0
        try:
            for record in tf.data.TFRecordDataset(file):
                decode(record[None])
                position += 1
        except tf.errors.DataLossError as damage:
            with tf.io.gfile.GFile(file, "rb") as stream:
                compressed = stream.read(2) == b"\x1f\x8b"
            if compressed:
                return Failure(f"The shard {file} is compressed. Write it without compression.")
            return Failure(
                f"The shard {file} is damaged after {position} whole records "
                f"({damage.message.split(' [')[0]}). Run the Transform again."
            )
        except tf.errors.InvalidArgumentError as wrong:
            wanted = " and ".join(f"'{f.name}' {f.shape} {f.dtype}" for f in features)
            return Failure(
                f"Record {position} of the shard {file} does not hold {wanted} "
                f"({graph_error.cause(wrong, 'another kind')}). Make the image's shape and the "
                "features' names those of the Transform."
            )
        except tf.errors.OpError as unreadable:
            return Failure(
                f"The shard {file} cannot be read: {unreadable.message}. Run the Transform again."
            )
    return Failure(f"{_named(files)} could not be read: {error.message}. Try again.")


def _named(files: Sequence[str]) -> str:
    return f"{files[0]} and {len(files) - 1} more" if len(files) > 1 else files[0]
