"""Transformed Examples in TFRecord shards as a source."""

import functools
import itertools
from collections.abc import Callable, Sequence

import tensorflow as tf

from components import graph_error
from components.image_decode import UNDECODABLE
from components.trainer.input import faulty_record
from components.trainer.input.decode import decode_crops, decode_features, decoder
from components.trainer.input.each_file import of_each
from components.trainer.input.features import Feature, fixed_example
from components.trainer.input.shards import FRAMING, Shards
from components.trainer.input.source import Source, chunk_of
from failures import Failure, SurroundingsFailure
from files.strict_json import text_of

_ENCODED_AT_ONCE = 32  # in a call: their bytes, unlike those of pixels, are of any number


def source(
    files: Sequence[str],
    features: Sequence[Feature],
    encoded: bool = False,
    series: str | None = None,
) -> Source:
    """The examples of the shards `files`, TFRecords of Examples, not compressed.

    Args:
      features: the image's, the target's and, if there is one, the weight's.
      encoded: whether the Examples hold encoded images instead of raw pixels.
      series: what the files are of, wherever they lie; None: of these paths.

    Raises:
      Failure: no files, one that is missing or compressed, or Examples without the features.
    """
    files = [str(file) for file in files]
    features = tuple(features)
    if not files:
        raise Failure("The input function got no files. Give it the shards of a split.")
    sizes = of_each(_size, files)
    pixels = sum(feature.row_bytes for feature in features if feature.dtype == "uint8")
    at_most = sum(size for size, _ in sizes) // (pixels + FRAMING)
    at_once = _ENCODED_AT_ONCE if encoded else chunk_of(sum(f.row_bytes for f in features))

    def decode(serialized):
        return parse(serialized, features, encoded)

    def cropped(crop, draws, serialized):
        return decode_crops(_values(serialized, features), features, crop, draws)

    def explained(error):
        return explain(files, features, decode, at_once, error)

    @functools.cache
    def parts():
        return _checked_counts(shards, files, decode, explained)

    def elements():
        parts()  # Its errors name the file.
        return shards.all()

    form = fixed_example(features)
    fixed = set() if encoded else set(itertools.compress(files, of_each(form.may_fill, files)))
    shards = Shards(
        files,
        sum(feature.row_bytes for feature in features),
        None if encoded else 0,
        lambda file: form.record_bytes if file in fixed else None,
    )
    in_place = fixed.issuperset(files) and not any("://" in file for file in files)
    return Source(
        name=_named(files),
        series=series or _named(files),
        identity=text_of([encoded and decoder(features[0]), *zip(files, sizes, strict=True)]),
        features=features,
        elements=elements,
        read=shards.read,
        decode=decode,
        decode_crops=cropped if encoded and all(f.row_shape == () for f in features[1:]) else None,
        at_most=sum(parts()) if encoded else at_most,
        parts=parts,
        explain=explained,
        stored_bytes=shards.stored_bytes if encoded else 0,
        in_place=[(file, 0) for file in files] if in_place else (),
    )


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
    if encoded:
        return decode_features(_values(serialized, features), features)

    def parsed():
        values = _values(serialized, features)
        return tuple(_decode(*pair) for pair in zip(values, features, strict=True))

    # Parsing copies each image once more, into a string of its own.
    form = fixed_example(features)
    names = [feature.name for feature in features]
    return tf.cond(form.are(serialized), lambda: form.parsed(serialized, names), parsed)


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


def _checked_counts(
    shards: Shards, files: Sequence[str], decode: Callable, explained: Callable
) -> tuple[int, ...]:
    """How many records each file has; finds wrong features before any long work begins."""
    try:
        for record in tf.data.TFRecordDataset(files).take(1):
            decode(record[None])
        return shards.counts
    except tf.errors.OpError as error:
        raise explained(error) from error


def _size(file: str) -> tuple[int, int]:
    """A file's length in bytes and when it was changed, in nanoseconds."""
    try:
        stat = tf.io.gfile.stat(file)
    except tf.errors.OpError as error:
        raise SurroundingsFailure(
            f"The shard {file} cannot be read: {error.message}. Run the Transform again."
        ) from error
    return stat.length, stat.mtime_nsec


def explain(
    files: Sequence[str],
    features: Sequence[Feature],
    decode: Callable,
    at_once: int,
    error: tf.errors.OpError,
) -> Failure:
    """What an error met in reading `files` means, with the record that caused it, if one did.

    Args:
      at_once: how many examples to decode in a call while that record is looked for.
    """
    # Of any other error, reading everything again could tell no more.
    found = isinstance(error, UNDECODABLE) and faulty_record.find(files, decode, at_once)
    if not found:
        return _unreadable(_named(files), error)
    file, number, fault = found
    if isinstance(fault, tf.errors.DataLossError):
        with tf.io.gfile.GFile(file, "rb") as stream:
            compressed = stream.read(2) == b"\x1f\x8b"
        if compressed:
            return Failure(f"The shard {file} is compressed. Write it without compression.")
        return SurroundingsFailure(
            f"The shard {file} is damaged after {number} whole records "
            f"({fault.message.split(' [')[0]}). Run the Transform again."
        )
    if isinstance(fault, UNDECODABLE):
        wanted = " and ".join(f"'{f.name}' {f.shape} {f.dtype}" for f in features)
        return Failure(
            f"Record {number} of the shard {file} does not hold {wanted} "
            f"({graph_error.cause(fault, 'another kind')}). Make the image's shape and the "
            "features' names those of the Transform."
        )
    return _unreadable(f"The shard {file}", fault)


def _unreadable(name: str, error: tf.errors.OpError) -> SurroundingsFailure:
    is_gone = isinstance(error, tf.errors.NotFoundError)
    next_step = "Run the Transform again." if is_gone else "Try again."
    cause = graph_error.cause(error, type(error).__name__).rstrip(".")
    return SurroundingsFailure(f"{name} cannot be read: {cause}. {next_step}")


def _named(files: Sequence[str]) -> str:
    return f"{files[0]} and {len(files) - 1} more" if len(files) > 1 else files[0]
