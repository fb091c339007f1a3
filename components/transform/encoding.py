"""Transformed examples as records that are all of one size.

So the input function finds each record by its number and reads the files in any order,
in place: it needs no second copy on the disk.
"""

import functools
from collections.abc import Mapping

import tensorflow as tf

_VARINT_BYTES = 10  # the most that an int64 takes


class ExampleEncoder:
    """Serializes {image: bytes of one size, label: int64 or mask: bytes of one size}.

    All around the values is the same in every tf.train.Example and made once: ten times
    as fast as building a message for each.

    Args:
      sizes: the bytes of `image` and, for segmentation, `mask`.
    """

    def __init__(self, sizes: Mapping[str, int]):
        example = tf.train.Example()
        for name, size in sizes.items():
            example.features.feature[name].bytes_list.value.append(bytes(size))
        self._labelled = "mask" not in sizes
        if self._labelled:
            # Negative numbers take all ten bytes of a varint, as every label does here.
            example.features.feature["label"].int64_list.value.append(-1)
        serialized = example.SerializeToString(deterministic=True)  # the image comes first
        # No byte before a value is 0: tags, lengths and names are not.
        start = serialized.index(b"\0")
        self._head, rest = serialized[:start], serialized[start + sizes["image"] :]
        start = len(rest) - (_VARINT_BYTES if self._labelled else sizes["mask"])
        self._middle = rest[:start]

    def __call__(self, image: bytes, target: int | bytes) -> bytes:
        value = _varint(target) if self._labelled else target
        return b"".join((self._head, image, self._middle, value))


@functools.cache
def _varint(number: int) -> bytes:
    """An int64 as a protobuf varint of ten bytes; leading zeros are allowed in one."""
    number &= 2**64 - 1
    return bytes(number >> 7 * i & 127 | 128 for i in range(9)) + bytes([number >> 63])
