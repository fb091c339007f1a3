"""The process's TensorFlow, made ready for training."""

import logging

import keras
import tensorflow as tf


def prepare(seed: int, deterministic: bool) -> None:
    """Seeds everything; lets a GPU's memory grow instead of taking all of it at once.

    Args:
      seed: of weights and of all that is random in a model.
      deterministic: whether every operation must give the same bits in every run.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError as error:
            # Too late once something before us in this process has used the GPU.
            logging.warning("%s keeps its way of taking memory: %s", gpu.name, error)
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
