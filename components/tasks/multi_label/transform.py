"""A byte for each class an image: 1 for those that it has."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from components.examples.draws import listed
from components.transform import labels
from components.transform.job import TRAIN, Job, Shard
from failures import Failure

ROLE, PICTURES = "label", "images"
IS_CLASS_ID, LEARNS_CLASSES = False, True
raw_type, write_assets = labels.raw_type, labels.write_assets


def raw(dtype: tf.DType) -> tf.io.VarLenFeature:
    return tf.io.VarLenFeature(dtype)


def transformed(raw: tf.SparseTensor, sizes: tf.Tensor, ids: Callable, job: Job) -> tf.Tensor:
    return multi_hot(raw.indices[:, 0], ids(raw.values), raw.dense_shape[0], job.classes)


def form(image_shape: tuple[int, int, int], classes: int) -> int:
    return classes


def multi_hot(rows: tf.Tensor, ids: tf.Tensor, batch: tf.Tensor, classes: int) -> tf.Tensor:
    """(batch,) string of exactly `classes` raw uint8, 1 for the classes that an example has.

    Args:
      rows: (labels,) int64, the example of each label.
      ids: (labels,) int64, its class; -1 for a label that is left out.
      batch: () int64.
    """
    places = tf.boolean_mask(tf.stack([rows, ids], axis=1), ids >= 0)
    shape = tf.stack([batch, tf.constant(classes, tf.int64)])
    times = tf.scatter_nd(places, tf.ones_like(places[:, 0]), shape)  # (batch, classes)
    return tf.strings.reduce_join(tf.gather([b"\0", b"\1"], tf.minimum(times, 1)), axis=1)


def counts(targets: np.ndarray, classes: int) -> Counter[int]:
    """How many of the examples, as `multi_hot` gives them, have each class that any has."""
    has = targets.sum(axis=0, dtype=np.int64)  # (classes,)
    return Counter({number: int(has[number]) for number in np.flatnonzero(has).tolist()})


def check_vocabulary(found: set[int] | set[bytes], job: Job) -> None:
    """Raises a Failure where the training split has no label, or one that is not a class."""
    feature = job.features.label_feature
    names = job.class_names
    strange = found - set(range(len(names))) if names else found & {b""}
    if strange:
        limit = f"from 0 to {len(names) - 1}" if names else "not empty"
        raise Failure(
            f"Transform: split {TRAIN!r} has labels in feature {feature!r} that are not a class: "
            f"{listed(map(repr, strange))}; labels are {limit}. Repair the dataset."
        )
    if not found:
        raise Failure(
            f"Transform: no example of split {TRAIN!r} has a label in feature {feature!r}. Name "
            "another label_feature or repair the dataset."
        )


def check_records(serialized: Sequence[bytes], first: int, shard: Shard, job: Job) -> None:
    labels.check_records(serialized, first, shard, job, single=False)


def check_train(counts: Counter[int], job: Job) -> None:
    """`check_vocabulary` has seen every label."""


def remark(counts: Counter[int], job: Job) -> str:
    return ""
