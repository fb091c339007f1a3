"""Parts of a graph that few images need, kept out of what all of them need."""

from collections.abc import Callable

import tensorflow as tf


def seldom_run(*arguments: tf.TensorSpec) -> Callable[[Callable], Callable]:
    """Makes a function of tensors a subgraph of its own, traced once and prepared when first run.

    TensorFlow writes a usual function, and each branch of a condition, into all that calls it,
    and optimizes it anew there: each signature of a served model would pay for that with its
    first answer. A call of such a subgraph takes a tenth of a millisecond.

    Args:
      arguments: their shapes and types.
    """
    # Functions of tf.data are those that TensorFlow leaves alone until they are called.
    return tf.function(
        input_signature=arguments,
        autograph=False,
        experimental_attributes={"_noinline": True, "_tf_data_function": True},
    )
