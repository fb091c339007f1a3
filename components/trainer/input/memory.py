"""The memory strategy: decoded examples in one array, batches gathered from it.

Gathering rows from one array beats tf.data's cache → shuffle → batch: no per-example
overhead, eight bytes an example for an epoch's order, any step at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from components.trainer.input.epochs import Epochs
from components.trainer.input.features import Feature, aligned_rows
from components.trainer.input.source import Loading, Source, traced
from failures import Failure


def load(source: Source) -> tuple[tf.Tensor, ...]:
    """Decodes all examples, in the sequence of their numbers: one (examples, *row_shape) tensor
    a feature.

    Raises:
      Failure: a file is damaged, or the memory is too small.
    """
    try:
        # Pages that nothing is written to take no memory, so the bound may be too high.
        arrays = tuple(
            aligned_rows(source.at_most, *f.row_shape, dtype=f.dtype) for f in source.features
        )
        filled = max(filling(source, arrays), default=0)
    except tf.errors.OpError as error:
        raise source.explain(error) from error
    except MemoryError as error:
        raise Failure(
            f"The {source.at_most * source.row_bytes:,} bytes of {source.name} do not fit into "
            "memory. Set the input strategy to disk or streaming."
        ) from error
    # Through DLPack the tensors share the arrays' memory; tf.constant would copy it.
    return tuple(
        tf.experimental.dlpack.from_dlpack(array[:filled].__dlpack__()) for array in arrays
    )


def filling(source: Source, arrays: Sequence[np.ndarray]) -> Iterator[int]:
    """Copies the decoded examples into the arrays; yields how many there are, chunk by chunk."""
    filled = 0
    for chunk in source.chunks():
        size = len(chunk[0])
        for array, rows in zip(arrays, chunk, strict=True):
            array[filled : filled + size] = rows.numpy()
        filled += size
        yield filled


def batches(
    arrays: tuple[tf.Tensor, ...], features: tuple[Feature, ...], epochs: Epochs
) -> Loading:
    """Batches of the arrays' rows."""

    @traced
    def gather(numbers):
        pairs = zip(arrays, features, strict=True)
        return tuple(feature.restore(tf.gather(array, numbers)) for array, feature in pairs)

    return epochs.numbers(), gather
