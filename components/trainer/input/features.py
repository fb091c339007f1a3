"""The features of a decoded example, each of one fixed size."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.transform.encoding import FixedExample
from failures import Failure


@dataclasses.dataclass(frozen=True)
class Feature:
    """One feature, of the same size in every example."""

    name: str  # in the Example
    shape: tuple[int, ...] = ()  # (height, width, channels) for pixels, () for a number
    dtype: str = "int64"  # or `float32`: one number; `uint8`: raw pixels in bytes, row by row
    exif_orientation: bool = True  # whether an encoded image is turned as that says

    @property
    def row_bytes(self) -> int:
        """The decoded size of one example, in bytes."""
        return math.prod(self.shape) * tf.as_dtype(self.dtype).size

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape in which one example is kept: pixels lie in one line."""
        return (self.row_bytes,) if self.dtype == "uint8" else ()

    def restore(self, rows: tf.Tensor) -> tf.Tensor:
        """(batch, *row_shape) to (batch, *shape), with the batch's size static where it is."""
        batch = rows.shape[0]
        return tf.reshape(rows, (-1 if batch is None else batch, *self.shape))


LABEL = Feature("label")
_ALIGNMENT = 64  # bytes: what TensorFlow wants of memory that it uses in place


def image_feature(
    shape: tuple[int, int, int], name: str = "image", exif_orientation: bool = True
) -> Feature:
    """Raw pixels, (height, width, channels) uint8."""
    shape = tuple(int(size) for size in shape)
    if len(shape) != 3 or min(shape) < 1:
        raise Failure(
            f"The input function got the image shape {shape}. "
            "Give (height, width, channels), each at least 1."
        )
    return Feature(name, shape, "uint8", exif_orientation)


def features_of(image: Feature, target: Feature, weight: str | None) -> tuple[Feature, ...]:
    """What an example holds: an image, its target and, where `weight` names it, what it weighs."""
    return image, target, *([Feature(weight, (), "float32")] if weight else [])


def fixed_example(features: Sequence[Feature]) -> FixedExample:
    """Examples of these features as Transform writes them."""
    return FixedExample({f.name: f.row_bytes if f.dtype == "uint8" else f.dtype for f in features})


def aligned_rows(*shape: int, dtype: str = "uint8") -> np.ndarray:
    """A new array, unfilled, that TensorFlow uses in place."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)
