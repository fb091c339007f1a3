"""The streaming strategy: every epoch reads its examples from the files and decodes them again."""

import tensorflow as tf

from components.trainer.input import crop as crops
from components.trainer.input.crop import RandomCrop
from components.trainer.input.epochs import Epochs
from components.trainer.input.order import run_length
from components.trainer.input.source import Loading, Source, traced
from components.usable_cores import usable_cores

_WINDOWS_AT_ONCE = 2
_PIECES_AT_ONCE = 8  # of one window


def batches(source: Source, epochs: Epochs, crop: RandomCrop | None = None) -> Loading:
    """Batches of undecoded examples, read in runs, and the function that decodes them."""
    run, window = run_length(source.held_bytes), epochs.order.window

    @traced
    def read(pieces, places):
        # Whole runs take turns, so the examples of a window come in the sequence of its pieces.
        examples = tf.data.Dataset.from_tensor_slices(pieces).interleave(
            traced(lambda piece: source.read(*tf.unstack(piece))),
            cycle_length=_PIECES_AT_ONCE,
            block_length=run,
            num_parallel_calls=min(_PIECES_AT_ONCE, usable_cores()),
            deterministic=True,
        )
        return tf.data.Dataset.zip(examples.batch(window), tf.data.Dataset.from_tensors(places))

    @traced
    def decode(window, places, draws=None):
        elements = [tf.gather(part, places) for part in tf.nest.flatten(window)]
        if draws is None:
            rows = source.decode(*elements)
        else:
            rows = source.decode_crops(crop, draws[: tf.shape(places)[0]], *elements)
        return tuple(f.restore(r) for f, r in zip(source.features, rows, strict=True))

    windows = epochs.plans().interleave(
        read, cycle_length=_WINDOWS_AT_ONCE, num_parallel_calls=_WINDOWS_AT_ONCE
    )
    if not crop:
        return epochs.cut(windows), decode
    drawn = tf.data.Dataset.zip(epochs.cut(windows), crops.draws(epochs))
    return epochs.endless(drawn.map(traced(lambda batch, draws: (*batch, draws)))), decode
