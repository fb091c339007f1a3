"""A class id a pixel: masks as they are fitted, checked and counted."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import schema_pb2

from components.image_decode import UNDECODABLE, decode_image
from components.mask_decode import decode_mask
from components.tasks.segmentation import mask_ops
from components.transform.job import Job, Shard
from components.transform.reading import MASK_STATISTICS
from failures import Failure
from files import tfrecords, writing
from files.strict_json import text_of
from settings.data import NO_CLASS

ROLE, PICTURES = "mask", "images and masks"
IS_CLASS_ID = LEARNS_CLASSES = False
_MOST_NAMED = 8


def raw_type(feature: str, kind: int) -> tf.DType:
    if kind != schema_pb2.BYTES:
        raise Failure(
            f"Transform: mask_feature {feature!r} holds numbers, not encoded masks. Name a feature "
            "of type BYTES."
        )
    return tf.string


def raw(dtype: tf.DType) -> tf.io.FixedLenFeature:
    return tf.io.FixedLenFeature([], dtype)


def assert_whole(raw: tf.Tensor) -> None:
    tf.debugging.Assert(tf.reduce_all(raw != ""), ["an empty mask"])


def transformed(raw: tf.Tensor, sizes: tf.Tensor, ids: Callable, job: Job) -> tf.Tensor:
    features = job.features
    return mask_ops.masks_to_bytes(
        raw, sizes, job.options, features.mask_values, features.mask_colours
    )


def form(image_shape: tuple[int, int, int], classes: int) -> int:
    return image_shape[0] * image_shape[1]


def counts(targets: np.ndarray, classes: int) -> Counter[int]:
    """Pixels by class id, NO_CLASS among them."""
    pixels = np.bincount(targets.ravel())
    return Counter({value: int(pixels[value]) for value in np.flatnonzero(pixels).tolist()})


def check_records(serialized: Sequence[bytes], first: int, shard: Shard, job: Job) -> None:
    """Raises a Failure for the first example that has not exactly one mask of its image's form.

    Masks and images that do not decode are passed over: they are corrupt images.
    """
    for number, record in enumerate(serialized, start=first):
        where = f"Transform: record {number} of {shard.file} in split {shard.split!r}"
        try:
            features = tf.train.Example.FromString(record).features.feature
        except DecodeError as error:
            raise Failure(f"{where} is not a tf.train.Example. Repair the dataset.") from error
        masks = features[job.features.mask_feature].bytes_list.value
        if len(masks) != 1:
            raise Failure(
                f"{where} has {len(masks)} masks in mask_feature {job.features.mask_feature!r}, "
                "and every example needs one. Name another mask_feature or repair the dataset."
            )
        images = features[job.features.image_feature].bytes_list.value
        try:
            decoded = [decode_mask(tf.constant(masks[0]), job.features.mask_colours)]
            decoded += [
                decode_image(one, job.options.channels, job.options.exif_orientation)
                for one in images[:1]
            ]
        except UNDECODABLE:
            continue
        sizes = [picture.shape[:2] for picture in decoded]
        if len(sizes) == 2 and not mask_ops.same_proportions(*sizes):
            mask, image = (f"{height}x{width}" for height, width in sizes)
            raise Failure(
                f"{where} has a mask of {mask} pixels and an image of {image}, which are other "
                "proportions. Repair the dataset: a mask must cover its image."
            )


def statistics(pixels: Counter[int], job: Job) -> dict:
    """Pixels of the training split by class, and those of no class, from counts by class id."""
    counts = {name: pixels[number] for number, name in enumerate(job.features.mask_classes)}
    return {"pixels": counts, "pixels_of_no_class": pixels[NO_CLASS]}


def check_train(pixels: Counter[int], job: Job) -> None:
    """Raises a Failure when the training split has fewer than two classes.

    Args:
      pixels: of the training split, by class id.
      job: with the masks' files, to say what values they hold.
    """
    seen = [name for name, count in statistics(pixels, job)["pixels"].items() if count]
    if len(seen) < 2:
        values = ", ".join(map(str, _first_values(job)))
        found = f"only pixels of class {seen[0]!r}" if seen else "no pixel of any class"
        raise Failure(
            f"Transform: the masks of split 'train' in mask_feature "
            f"{job.features.mask_feature!r} hold {found}; the first mask's values are: {values}. "
            "Correct mask_classes, or name another mask_feature."
        )


def _first_values(job: Job) -> list[int | str]:
    """Some of the pixel values or colours of the first mask that decodes, in rising order."""
    for shard in job.train_shards:
        for record in tfrecords.records(shard.source):
            feature = tf.train.Example.FromString(record).features.feature
            [mask] = feature[job.features.mask_feature].bytes_list.value
            try:
                if job.features.mask_colours:
                    colours = decode_image(tf.constant(mask), 3, False).numpy().reshape(-1, 3)
                    found = np.unique(colours, axis=0)[:_MOST_NAMED]
                    return [f"#{bytes(colour).hex()}" for colour in found]
                return np.unique(decode_mask(tf.constant(mask)).numpy())[:_MOST_NAMED].tolist()
            except UNDECODABLE:
                continue
    return []


def remark(pixels: Counter[int], job: Job) -> str:
    unseen = [name for name, count in statistics(pixels, job)["pixels"].items() if not count]
    return f"train has no pixel of {', '.join(unseen)}" if unseen else ""


def write_assets(pixels: Counter[int], vocabulary_file: str, job: Job) -> None:
    """Writes the classes' names, one a line, and the training split's pixels by class."""
    names = "".join(f"{name}\n" for name in job.features.mask_classes)
    writing.write(vocabulary_file, names)
    writing.write(f"{job.graph_uri}/{MASK_STATISTICS}", text_of(statistics(pixels, job)))
