"""A prepared TFDS dataset as a source: encoded images, decoded and resized on the way."""

import functools
import operator
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from components import graph_error
from components.trainer.input.decode import decode_crops, decode_features, decoder
from components.trainer.input.each_file import of_each
from components.trainer.input.features import Feature
from components.trainer.input.shards import Shards
from components.trainer.input.source import Source
from components.usable_cores import usable_cores
from failures import Failure
from files.strict_json import text_of

_READ_BYTES = 1 << 20
_IMAGE, _NUMBER = "an Image of integers", "a single whole number"


def source(
    name: str,
    split: str,
    image: Feature,
    target: Feature,
    data_dir: str | None = None,
    download: bool = False,
) -> Source:
    """The examples of one split of a TFDS dataset.

    Args:
      name: `name`, `name/config`, `name:version` or `name/config:version`.
      split: a TFDS split expression, as in "train[:90%]".
      image: the image feature and the shape it is brought to.
      target: a number's feature, or that of a mask in a PNG.
      data_dir, download: as `components.tfds_example_gen.dataset.load`'s.

    Raises:
      Failure: there is no such dataset, split or feature, a feature is of another kind than
        is asked for, or the split holds no examples.
    """
    # Here and not above: batches of this pipeline's own Examples need TensorFlow alone.
    import tensorflow_datasets as tfds

    from components.tfds_example_gen import dataset

    builder = dataset.load(name, data_dir, download, "download=True")
    features = (image, target)
    _check_features(name, features, dataset.kinds(builder.info.features))
    examples = _examples_in(builder.info.splits, split, name)
    encoded = {f.name: tfds.decode.SkipDecoding() for f in features if f.dtype == "uint8"}
    decoders = tfds.decode.PartialDecoding(
        _nested({feature.name: True for feature in features}), decoders=_nested(encoded)
    )
    row_bytes = sum(feature.row_bytes for feature in features)
    stretches = builder.info.splits[split].file_instructions
    kept = decoders.extract_features(builder.info.features)
    paths = [feature.name.split("/") for feature in features]

    def values(record):
        example = kept.deserialize_example(record, decoders=decoders.decoders)
        return tuple(functools.reduce(operator.getitem, path, example) for path in paths)

    described = f"Dataset {builder.info.full_name}, split {split}"
    try:
        files = _Files(stretches, builder.info.file_format, row_bytes)
    except tf.errors.OpError as error:
        raise _explain(described, error) from error

    def cropped(crop, draws, *values):
        return decode_crops(values, features, crop, draws)

    return Source(
        name=described,
        series=described,
        identity=text_of(
            [builder.info.full_name, split, str(builder.data_dir), decoder(image), *files.marks]
        ),
        features=features,
        elements=lambda: files.all().map(values, usable_cores()),
        read=lambda *piece: files.read(*piece).map(values),
        decode=lambda *values: decode_features(values, features),
        decode_crops=cropped if target.dtype != "uint8" else None,
        at_most=examples,
        parts=lambda: files.counts,
        explain=lambda error: _explain(described, error),
        stored_bytes=files.stored_bytes,
    )


def _check_features(name: str, features: Sequence[Feature], kinds: Mapping[str, Any]) -> None:
    for feature in features:
        if feature.name not in kinds:
            raise Failure(
                f"Dataset {name} has no feature {feature.name!r}. "
                f"Choose from: {', '.join(sorted(kinds))}."
            )
        _check_kind(name, feature, kinds)


def _examples_in(splits: Mapping[str, Any], split: str, name: str) -> int:
    try:
        examples = splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise Failure(
            f"Dataset {name} has no split {split!r}. "
            f"Choose from: {', '.join(splits)}, or a part of one as in train[:90%]."
        ) from error
    if not examples:
        raise Failure(
            f"Dataset {name} has no examples in split {split!r}. Choose a larger part or another "
            f"of its splits: {', '.join(splits)}."
        )
    return examples


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of features such as "meta/label" in dicts within dicts, as TFDS has them."""
    made = {}
    for name, value in values.items():
        *above, last = name.split("/")
        functools.reduce(lambda inner, part: inner.setdefault(part, {}), above, made)[last] = value
    return made


class _Files:
    """The serialized examples of a split; each file holds a consecutive range of them.

    Its `marks`, one of each file, differ where the examples do.

    Args:
      stretches: the files, with the first record's number in each and how many there are.
      row_bytes: as for `Shards`.
    """

    def __init__(self, stretches: Sequence[Any], file_format: Any, row_bytes: int):
        self._names = [os.fspath(one.filename) for one in stretches]
        self._skips = [one.skip for one in stretches]
        self.counts = tuple(one.take for one in stretches)
        self._format = file_format.value
        # Without reading the files, which may lie in a bucket.
        found = of_each(tf.io.gfile.stat, self._names)
        sizes = [one.length for one in found]
        # A dataset that is prepared again has the same name, version and places.
        changed = [one.mtime_nsec for one in found]
        self.marks = list(zip(self._names, sizes, changed, self._skips, self.counts, strict=True))
        self.stored_bytes = sum(sizes) // sum(one.examples_in_shard for one in stretches)
        of_records = self._format == "tfrecord"
        self._shards = Shards(self._names, row_bytes, self.stored_bytes) if of_records else None

    def all(self) -> tf.data.Dataset:
        """One file after the other; not by `read`, which first looks for the records' places."""
        numbers = np.arange(len(self._names)), np.array(self._skips), np.array(self.counts)
        stretches = tf.data.Dataset.from_tensor_slices((numbers[0], self._names, *numbers[1:]))

        def records(part, name, skip, take):
            if not self._shards:
                return self._read(part, skip, take)
            return tf.data.TFRecordDataset(name, buffer_size=_READ_BYTES).skip(skip).take(take)

        return stretches.interleave(records, cycle_length=1, num_parallel_calls=1)

    def read(self, part: tf.Tensor, first: tf.Tensor, count: tf.Tensor) -> tf.data.Dataset:
        """`count` records of file number `part`, from number `first` of its stretch on."""
        first += tf.constant(self._skips, tf.int64)[part]
        read = self._shards.read if self._shards else self._read
        return read(part, first, count)

    def _read(self, part: tf.Tensor, first: tf.Tensor, count: tf.Tensor) -> tf.data.Dataset:
        """As TFDS reads the formats that no TensorFlow op does."""
        from components.tfds_example_gen import other_formats

        def batches(part, first, count):
            return other_formats.batches(self._names[part], int(first), int(count), self._format)

        serialized = tf.data.Dataset.from_generator(
            batches,
            args=(part, first, count),
            output_signature=tf.TensorSpec([None], tf.string),
        )
        return serialized.unbatch()


def _check_kind(name: str, feature: Feature, kinds: Mapping[str, Any]) -> None:
    """Raises a Failure when the dataset's feature cannot become what is asked for."""
    wanted = _IMAGE if feature.dtype == "uint8" else _NUMBER
    kind = kinds[feature.name]
    if _serves_as(kind) == wanted:
        return
    given = type(kind).__name__
    if isinstance(kind.tf_dtype, tf.DType):  # a FeaturesDict has many
        given += f" of shape {kind.shape} and type {kind.tf_dtype.name}"
    others = ", ".join(sorted(other for other in kinds if _serves_as(kinds[other]) == wanted))
    raise Failure(
        f"Feature {feature.name!r} of dataset {name} is {given}, but {wanted} "
        f"is needed. Choose from: {others or 'none, so take another dataset'}."
    )


def _serves_as(kind: Any) -> str | None:
    import tensorflow_datasets as tfds

    if isinstance(kind, tfds.features.Image) and kind.np_dtype in (np.uint8, np.uint16):
        return _IMAGE
    if isinstance(kind, tfds.features.Tensor) and kind.shape == ():
        is_whole = np.dtype(kind.np_dtype).kind in "iub"  # a yes or no is 1 or 0
        return _NUMBER if is_whole else None
    return None


def _explain(described: str, error: tf.errors.OpError) -> Failure:
    if known := re.search(r"Failure: (.+)", error.message):  # of `_array_records`
        return Failure(known[1])
    cause = graph_error.cause(error, type(error).__name__).rstrip(".")
    if isinstance(error, tf.errors.DataLossError | tf.errors.NotFoundError):
        return Failure(f"{described}: {cause}. Prepare the dataset again.")
    return Failure(f"{described} cannot be read: {cause}. Remove this cause and start again.")
