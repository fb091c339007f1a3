"""Labels of whole images, one or several of each."""

from collections import Counter
from collections.abc import Sequence

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import schema_pb2

from components.transform.job import Job, Shard
from components.transform.reading import LABEL_STATISTICS
from failures import Failure
from files import writing
from files.strict_json import text_of

OUT_OF_VOCABULARY = -1
_TYPES = {schema_pb2.INT: tf.int64, schema_pb2.BYTES: tf.string}


def raw_type(feature: str, kind: int) -> tf.DType:
    """Raises a Failure for labels that are neither whole numbers nor texts."""
    if kind not in _TYPES:
        raise Failure(
            f"Transform: label_feature {feature!r} is of type {schema_pb2.FeatureType.Name(kind)}. "
            "Allowed: INT, BYTES."
        )
    return _TYPES[kind]


def texts(labels: tf.Tensor, class_names: Sequence[str] | None) -> tf.Tensor:
    """Labels, (batch,) int64 class ids or string, as they stand in the vocabulary.

    Returns:
      (batch,) string; an id without a name is "", which is in no vocabulary.
    """
    if labels.dtype == tf.string:
        return labels
    if class_names is None:
        return tf.strings.as_string(labels)
    names = tf.constant(["", *class_names])
    known = (labels >= 0) & (labels < len(class_names))
    return tf.gather(names, tf.where(known, labels + 1, 0))


def check_records(
    serialized: Sequence[bytes], first: int, shard: Shard, job: Job, single: bool
) -> None:
    """Raises a Failure for the first example whose labels are of another type or, with `single`,
    that has not exactly one."""
    name = job.features.label_feature
    wanted = "int64_list" if job.types[name] == tf.int64 else "bytes_list"
    for number, record in enumerate(serialized, start=first):
        where = f"Transform: record {number} of {shard.file} in split {shard.split!r}"
        try:
            feature = tf.train.Example.FromString(record).features.feature.get(name)
        except DecodeError as error:
            raise Failure(f"{where} is not a tf.train.Example. Repair the dataset.") from error
        kind = feature.WhichOneof("kind") if feature else None
        count = len(getattr(feature, kind).value) if kind else 0
        if count != 1 and single:
            several = "Set data.multi_label, name" if count else "Name"
            raise Failure(
                f"{where} has {count} values of label_feature {name!r}, and every example needs "
                f"one. {several} another label_feature or repair the dataset."
            )
        if count and kind != wanted:
            raise Failure(
                f"{where} has a {kind} for label_feature {name!r}, and the schema says {wanted}. "
                "Repair the dataset: every split needs labels of one type."
            )


def write_assets(counts: Counter[int], vocabulary_file: str, job: Job) -> None:
    """Writes how many examples of the training split have each class."""
    with tf.io.gfile.GFile(vocabulary_file, "rb") as file:
        # Of bytes: a name may hold what Unicode takes for a line break.
        names = [line.decode() for line in file.read().splitlines()]
    content = {"examples": {name: counts[number] for number, name in enumerate(names)}}
    writing.write(f"{job.graph_uri}/{LABEL_STATISTICS}", text_of(content))
