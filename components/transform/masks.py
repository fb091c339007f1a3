"""Masks in records and files: what is wrong with them, what they hold, how they are written."""

import json
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.mask_decode import decode_mask
from components.transform import image_ops, mask_ops
from components.transform.job import Job, Shard
from components.transform.options import NO_CLASS
from components.transform.reading import MASK_STATISTICS
from failures import Failure
from files import tfrecords, writing

_MOST_NAMED = 8


def check_masks(serialized: Sequence[bytes], first: int, shard: Shard, job: Job) -> None:
    """Raises a Failure for the first example that has not exactly one mask of its image's form.

    Masks and images that do not decode are passed over: they are corrupt images.
    """
    options = job.options
    for number, record in enumerate(serialized, start=first):
        where = f"Transform: record {number} of {shard.file} in split {shard.split!r}"
        try:
            features = tf.train.Example.FromString(record).features.feature
        except DecodeError as error:
            raise Failure(f"{where} is no tf.train.Example. Repair the dataset.") from error
        masks = features[options.mask_feature].bytes_list.value
        if len(masks) != 1:
            raise Failure(
                f"{where} has {len(masks)} masks in mask_feature {options.mask_feature!r}, and "
                "every example needs one. Name another mask_feature or repair the dataset."
            )
        images = features[options.image_feature].bytes_list.value
        try:
            decoded = [decode_mask(tf.constant(masks[0]))]
            decoded += [image_ops.decode(one, options.channels) for one in images[:1]]
        except tf.errors.InvalidArgumentError:
            continue
        sizes = [picture.shape[:2] for picture in decoded]
        if len(sizes) == 2 and not mask_ops.same_proportions(*sizes):
            mask, image = (f"{height}x{width}" for height, width in sizes)
            raise Failure(
                f"{where} has a mask of {mask} pixels and an image of {image}, which are other "
                "proportions. Repair the dataset: a mask must cover its image."
            )


def count_pixels(masks: Iterable[bytes]) -> np.ndarray:
    """(256,) int64: how many pixels there are of each class id."""
    return np.bincount(np.frombuffer(b"".join(masks), np.uint8), minlength=256)


def statistics(pixels: np.ndarray, job: Job) -> dict:
    """Pixels of the training split by class, and those of no class, from (256,) counts."""
    names = [name for name, _ in job.options.mask_classes]
    counts = dict(zip(names, pixels.tolist(), strict=False))
    return {"pixels": counts, "pixels_of_no_class": int(pixels[NO_CLASS])}


def check_classes(pixels: np.ndarray, job: Job) -> None:
    """Raises a Failure when there are not two classes to tell apart in the training split.

    Args:
      pixels: (256,) pixels of the training split by class id.
      job: with the masks' files, to say what values they hold.
    """
    seen = [name for name, count in statistics(pixels, job)["pixels"].items() if count]
    if len(seen) < 2:
        values = ", ".join(map(str, _first_values(job)))
        found = f"only pixels of class {seen[0]!r}" if seen else "no pixel of any class"
        raise Failure(
            f"Transform: the masks of split 'train' in mask_feature "
            f"{job.options.mask_feature!r} hold {found}; the first mask's values are: {values}. "
            "Correct mask_classes, or name another mask_feature."
        )


def _first_values(job: Job) -> list[int]:
    """Some of the pixel values of the first mask that decodes, in rising order."""
    for shard in job.train_shards:
        for record in tfrecords.records(shard.source):
            feature = tf.train.Example.FromString(record).features.feature
            [mask] = feature[job.options.mask_feature].bytes_list.value
            try:
                values = np.unique(decode_mask(tf.constant(mask)).numpy())
            except tf.errors.InvalidArgumentError:
                continue
            return values[:_MOST_NAMED].tolist()
    return []


def write_assets(pixels: np.ndarray, vocabulary_file: str, job: Job) -> None:
    """Writes the classes' names, one a line, and the training split's pixels by class."""
    names = "".join(f"{name}\n" for name, _ in job.options.mask_classes)
    writing.write(vocabulary_file, names)
    writing.write(f"{job.graph_uri}/{MASK_STATISTICS}", json.dumps(statistics(pixels, job)))


class MaskExampleEncoder:
    """Serializes {image: bytes of one fixed size, mask: likewise} as tf.train.Example.

    What stands around the two is the same in every example and made once.
    """

    def __init__(self, image_bytes: int, mask_bytes: int):
        example = tf.train.Example()
        example.features.feature["image"].bytes_list.value.append(bytes(image_bytes))
        example.features.feature["mask"].bytes_list.value.append(bytes(mask_bytes))
        serialized = example.SerializeToString(deterministic=True)  # image, then mask
        # No byte around them is 0: tags, lengths and names are not.
        start = serialized.index(b"\0")
        self._head, rest = serialized[:start], serialized[start + image_bytes :]
        start = rest.index(b"\0")
        self._middle, self._tail = rest[:start], rest[start + mask_bytes :]

    def __call__(self, image: bytes, mask: bytes) -> bytes:
        return self._head + image + self._middle + mask + self._tail
