"""Finds the images that cannot be decoded, and says what the configuration does about them.

Transform and the Evaluator decode whole batches in a graph. Only when a batch
fails do they come here, so that good data never pays for a second decoding.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf
from google.protobuf.message import DecodeError

from components.graph_error import cause
from components.image_decode import UNDECODABLE, decode_image
from components.image_flaws import flaw_of
from components.mask_decode import decode_mask
from failures import Failure
from settings.preprocessing import Preprocessing

_REFUSED = re.compile(r"This is (.*?)(, which is not read.*)?$")
_OF_ONE_IMAGE = re.compile(r", size \d|[:;(.]")  # where what only one image has begins
_NAMED = 8  # kinds of reasons that a line names


@dataclass(frozen=True)
class CorruptImage:
    """One image that cannot be decoded, and where it lies."""

    split: str
    file: str  # name of the TFRecord file, without its folder
    record: int  # position in the file, from 0
    reason: str


def split_corrupt(
    serialized: Sequence[bytes],
    image_feature: str,
    channels: int = 3,
    exif_orientation: bool = True,
    mask_feature: str | None = None,
    mask_colours: Sequence[int] = (),
) -> tuple[list[int], list[tuple[int, str]]]:
    """Separates the serialized Examples whose image (and mask) decodes from the others.

    Args:
      channels: 1 (grey) or 3 (colour), as the transform graph decodes.
      exif_orientation: whether that turns images, so that damaged EXIF is damage of the image.
      mask_feature: None: there are no masks.
      mask_colours: of its classes, as `decode_mask` takes them.

    Returns:
      The positions of the good examples, and (position, reason) of the corrupt
      ones, both in rising order.
    """
    good, corrupt = [], []
    for position, record in enumerate(serialized):
        reason = corruption(
            record, image_feature, channels, exif_orientation, mask_feature, mask_colours
        )
        if reason is None:
            good.append(position)
        else:
            corrupt.append((position, reason))
    return good, corrupt


def corruption(
    record: bytes,
    image_feature: str,
    channels: int,
    exif_orientation: bool,
    mask_feature: str | None = None,
    mask_colours: Sequence[int] = (),
) -> str | None:
    """Why the image or mask of one serialized tf.train.Example does not decode; None if both do.

    Arguments as for `split_corrupt`.
    """
    reason = _flaw(
        record, image_feature, lambda image: decode_image(image, channels, exif_orientation)
    )
    if reason is None and mask_feature is not None:
        mask_reason = _flaw(record, mask_feature, lambda mask: decode_mask(mask, mask_colours))
        reason = mask_reason and f"its mask: {mask_reason}"
    return reason


def _flaw(record: bytes, name: str, decode: Callable) -> str | None:
    try:
        feature = tf.train.Example.FromString(record).features.feature.get(name)
    except DecodeError:
        return "the record is not a tf.train.Example"
    images = feature.bytes_list.value if feature else ()
    if len(images) != 1:
        return f"feature {name!r} holds {len(images)} images instead of one"
    try:
        decode(tf.constant(images[0]))
    except UNDECODABLE as error:
        return flaw_of(images[0], cause(error, "it cannot be decoded"))
    return None


def reasons(corrupt: Sequence[CorruptImage]) -> str:
    """What is wrong with images, the most frequent first: "2 an animated WebP, 1 an SVG"."""
    kinds = Counter(_kind(image.reason) for image in corrupt).most_common()
    named = [f"{count:,} {kind}" for kind, count in kinds[:_NAMED]]
    more = sum(count for _, count in kinds[_NAMED:])
    return ", ".join(named + [f"{more:,} of other kinds"] * bool(more))


def _kind(reason: str) -> str:
    refused = _REFUSED.match(reason)
    return refused[1] if refused else _OF_ONE_IMAGE.split(reason)[0]


def enforce_policy(
    component: str, corrupt: Sequence[CorruptImage], preprocessing: Preprocessing
) -> None:
    """Raises a Failure when the section does not allow these corrupt images, over all splits."""
    for split in dict.fromkeys(image.split for image in corrupt):
        found = [image for image in corrupt if image.split == split]
        if len(found) <= preprocessing.corrupt_allowed:
            continue
        first = found[0]
        where = f"record {first.record} of {first.file} in split {split!r} ({first.reason})"
        if preprocessing.on_corrupt_image == "drop":
            raise Failure(
                f"{component} met {len(found)} corrupt images in split {split!r}, and max_dropped "
                f"is {preprocessing.max_dropped}; the first is {where}. Raise max_dropped or "
                "repair the dataset."
            )
        raise Failure(
            f"{component} cannot decode an image: {where}. Repair the dataset, or set "
            "on_corrupt_image to drop and max_dropped to how many images a split may lose."
        )
