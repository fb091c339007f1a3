"""What a transformed Example holds: features whose decoded size is fixed."""

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf

from components.failure import Failure


@dataclasses.dataclass(frozen=True)
class Feature:
    """One feature of a transformed Example, the same size in every Example.

    Attributes:
      name: the feature's name in the Example.
      shape: of one example: (height, width, channels) for pixels, () for a number.
      dtype: `uint8` (one bytes value, row-major, raw) or `int64` (one number).
    """

    name: str
    shape: tuple[int, ...] = ()
    dtype: str = "int64"

    @property
    def row_bytes(self) -> int:
        """The decoded size of one example, in bytes."""
        return math.prod(self.shape) * tf.as_dtype(self.dtype).size

    @property
    def spec(self) -> tf.io.FixedLenFeature:
        return tf.io.FixedLenFeature([], tf.string if self.dtype == "uint8" else tf.int64)


LABEL = Feature("label")


def image_feature(shape: tuple[int, int, int], name: str = "image") -> Feature:
    """Raw pixels, (height, width, channels) uint8."""
    shape = tuple(int(size) for size in shape)
    if len(shape) != 3 or min(shape) < 1:
        raise Failure(
            f"The input function got the image shape {shape}. "
            "Give (height, width, channels), each at least 1."
        )
    return Feature(name, shape, "uint8")


def parse(serialized: tf.Tensor, features: Sequence[Feature]) -> tuple[tf.Tensor, ...]:
    """Decodes a whole batch of Examples at once: one call a batch, whatever its size.

    Args:
      serialized: (batch,) string.
      features: what to read.

    Returns:
      One tensor a feature, (batch, row) uint8 for pixels and (batch,) int64 for numbers.

    Raises:
      tf.errors.InvalidArgumentError: a feature is missing or has another size.
    """
    parsed = tf.io.parse_example(serialized, {f.name: f.spec for f in features})
    return tuple(_decode(parsed[feature.name], feature) for feature in features)


def _decode(values: tf.Tensor, feature: Feature) -> tf.Tensor:
    if feature.dtype != "uint8":
        return values  # (batch,) int64
    rows = tf.io.decode_raw(values, tf.uint8)  # (batch, row) uint8
    return tf.ensure_shape(rows, (values.shape[0], feature.row_bytes))
