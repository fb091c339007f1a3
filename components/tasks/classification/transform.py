"""One class id an image: the line of its label in the vocabulary."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from components.transform import labels
from components.transform.job import TRAIN, Job, Shard
from components.transform.labels import OUT_OF_VOCABULARY
from failures import Failure

ROLE, PICTURES = "label", "images"
IS_CLASS_ID = LEARNS_CLASSES = True
raw_type, write_assets = labels.raw_type, labels.write_assets


def raw(dtype: tf.DType) -> tf.io.FixedLenFeature:
    return tf.io.FixedLenFeature([], dtype)


def transformed(raw: tf.Tensor, sizes: tf.Tensor, ids: Callable, job: Job) -> tf.Tensor:
    return ids(raw)


def form(image_shape: tuple[int, int, int], classes: int) -> str:
    return "int64"


def check_vocabulary(found: set[int] | set[bytes], job: Job) -> None:
    """Labels that are no class are counted as their examples are transformed."""


def check_records(serialized: Sequence[bytes], first: int, shard: Shard, job: Job) -> None:
    labels.check_records(serialized, first, shard, job, single=True)


def counts(targets: np.ndarray, classes: int) -> Counter[int]:
    return Counter(targets.tolist())


def check_train(counts: Counter[int], job: Job) -> None:
    unknown = counts[OUT_OF_VOCABULARY]
    if unknown:
        limit = f"from 0 to {len(job.class_names) - 1}" if job.class_names else "not empty"
        raise Failure(
            f"Transform: {unknown} examples of split {TRAIN!r} have a label in feature "
            f"{job.features.label_feature!r} that is not a class; labels are {limit}. "
            "Leave such examples out of the split's expression or repair the dataset."
        )


def remark(counts: Counter[int], job: Job) -> str:
    return ""
