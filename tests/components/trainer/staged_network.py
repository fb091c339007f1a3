"""A network of two stages below its classifier, and training it first frozen and then not."""

import keras
import numpy as np
import tensorflow as tf

from components.trainer.devices import Devices, distributed
from components.trainer.optimizer import build_optimizer
from components.trainer.training_step import Steps
from settings.training import Training
from tests.components.trainer.linear_classifier import (
    BATCH,
    CLASSES,
    SIDE,
    TWO_IMAGES,
    TWO_LABELS,
)

RATE = 0.1


def steps_of(steps_per_epoch=2, xla=False, strategy=None, **keys) -> Steps:
    """Ready to train, by SGD where nothing else is given."""
    training = Training.of(
        **{"batch_size": BATCH, "schedule": "constant", "optimizer": "sgd", "learning_rate": RATE}
        | keys
    )
    keras.utils.set_random_seed(3)
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        images = keras.Input((SIDE, SIDE, 1), dtype="uint8")
        features = keras.layers.Rescaling(1 / 255)(images)
        features = keras.layers.Conv2D(4, 2, padding="same", name="first")(features)
        features = keras.layers.BatchNormalization(momentum=0.5, name="normal")(features)
        features = keras.layers.Conv2D(4, 2, strides=2, padding="same", name="second")(features)
        features = keras.layers.Flatten()(features)
        model = keras.Model(images, keras.layers.Dense(CLASSES, name="classifier")(features))
        optimizer = build_optimizer(training, steps_per_epoch)
        return Steps(model, optimizer, training, strategy, xla=xla)


def frozen_then_not(strategy: tf.distribute.Strategy) -> list[np.ndarray]:
    """All weights after two steps with frozen layers and two with none, at rates by stage."""
    steps = steps_of(
        strategy=strategy,
        batch_size=len(TWO_LABELS),
        freeze_epochs=1,
        layer_decay=0.5,
        weight_decay=0.1,
        gradient_clip_norm=1.0,
    )
    dataset = tf.data.Dataset.from_tensors((TWO_IMAGES, TWO_LABELS)).repeat()
    batches = distributed(dataset, Devices(strategy))
    fed = iter(batches)
    for frozen in (True, True, False, False):
        steps.compile_training(batches.element_spec, frozen=frozen)([next(fed)])
    return [variable.numpy() for variable in steps.model.variables]
