"""The streaming strategy: every epoch reads, shuffles in a bounded buffer and decodes again."""

import tensorflow as tf

from components.trainer.input.order import Order
from components.trainer.input.source import Loading, Source, traced

# An epoch's first batch waits until the buffer is full, and two epochs' buffers meet: larger
# costs start-up and memory. Files come in a new order every epoch, so it can be small.
SHUFFLED_BYTES = 128 << 20


def batches(source: Source, order: Order) -> Loading:
    """Batches in `order`."""
    # Undecoded examples may be smaller than decoded ones, and for raw pixels they are not.
    buffer = min(order.examples, max(order.batch_size, SHUFFLED_BYTES // source.row_bytes))

    def batches_of(seed):
        if order.shuffle:
            # Of this function alone: shuffle mixes in the program's own seed, which must not
            # change the order, and shuffle refuses seed 0 beside a tensor.
            tf.compat.v1.set_random_seed(1)
            mixed = tf.random.stateless_uniform((), seed, maxval=tf.int64.max, dtype=tf.int64)
            elements = source.elements(seed)
            elements = elements.shuffle(buffer, mixed, reshuffle_each_iteration=False)
        else:
            elements = source.elements(None)
        return elements.batch(order.batch_size, drop_remainder=order.drop_remainder)

    @traced
    def decode(*elements):
        if order.workers > 1:
            elements = tuple(order.share(part) for part in elements)
        rows = source.decode(*elements)
        return tuple(f.restore(r) for f, r in zip(source.features, rows, strict=True))

    return order.epochs(batches_of), decode
