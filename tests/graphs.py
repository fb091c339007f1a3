"""Whether TensorFlow optimizes the graphs of this process before it runs them."""

import contextlib


def optimize_none():
    """Spares tests a tenth of their time: small graphs run once or twice.

    Whole runs, whose components work in processes of their own, have their graphs optimized.
    """
    _set(off=True)


@contextlib.contextmanager
def optimized():
    """Graphs that are made in the block are optimized, as in a run."""
    _set(off=False)
    try:
        yield
    finally:
        _set(off=True)


def _set(off):
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": off})
