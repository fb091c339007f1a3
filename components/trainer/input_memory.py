"""Decoded examples in memory, and batches gathered from them."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.trainer.input_features import Feature
from components.trainer.input_order import Order
from components.trainer.input_records import cores

_ALIGNMENT = 64  # bytes: what TensorFlow wants of memory that it uses in place
_FRAMING = 16  # bytes that a TFRecord adds to each record


def load(
    batches: tf.data.Dataset, files: Sequence[str], features: Sequence[Feature]
) -> tuple[tf.Tensor, ...]:
    """Reads all examples: one (examples, row) uint8 or (examples,) int64 tensor a feature."""
    row_bytes = sum(f.row_bytes for f in features if f.dtype == "uint8")
    at_most = sum(tf.io.gfile.stat(file).length for file in files) // (row_bytes + _FRAMING)
    # Pages that nothing is written to take no memory, so the estimate may be too high.
    arrays = tuple(_aligned_rows(at_most, feature) for feature in features)
    filled = 0
    for batch in batches:
        size = len(batch[0])
        for array, rows in zip(arrays, batch, strict=True):
            array[filled : filled + size] = rows.numpy()
        filled += size
    # Through DLPack the tensors share the arrays' memory; tf.constant would copy it.
    return tuple(
        tf.experimental.dlpack.from_dlpack(array[:filled].__dlpack__()) for array in arrays
    )


def _aligned_rows(rows: int, feature: Feature) -> np.ndarray:
    shape = (rows, feature.row_bytes) if feature.dtype == "uint8" else (rows,)
    size = rows * feature.row_bytes
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(feature.dtype).reshape(shape)


def dataset(
    arrays: Sequence[tf.Tensor], features: Sequence[Feature], order: Order
) -> tf.data.Dataset:
    """Batches gathered from the arrays in `order`."""

    def gather(numbers):
        return tuple(
            tf.reshape(tf.gather(array, numbers), (*_length(numbers), *feature.shape))
            for array, feature in zip(arrays, features, strict=True)
        )

    batches = order.batches().map(gather, num_parallel_calls=cores())
    return batches.prefetch(4)


def _length(numbers: tf.Tensor) -> tuple[int]:
    return (-1 if numbers.shape[0] is None else numbers.shape[0],)
