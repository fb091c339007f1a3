"""The compiled steps: one batch forwards and backwards, one batch forwards."""

import math

import keras
import tensorflow as tf

from components.trainer import tallies
from components.trainer.training_parameters import TrainingParameters


def build_optimizer(parameters: TrainingParameters, steps_per_epoch: int) -> keras.Optimizer:
    """The optimizer and its learning rate over all steps.

    The rate rises over the first epoch: from the start, Adam's first steps are too long.
    """
    peak = parameters.learning_rate
    rate = peak
    if parameters.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=peak / 10,
            warmup_target=peak,
            warmup_steps=steps_per_epoch,
            decay_steps=max(1, (parameters.epochs - 1) * steps_per_epoch),
        )
    match parameters.optimizer:
        case "adam":
            return keras.optimizers.Adam(rate)
        case "adamw":
            return keras.optimizers.AdamW(rate)
        case _:
            return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)


class Steps:
    """A model's training and validation steps under one `tf.distribute` strategy.

    Made inside `strategy.scope()`; the same code runs on one device and on many.

    Args:
      model: uint8 images to logits.
      optimizer: not yet built.
      batch_size: over all devices.
      strategy: TensorFlow's default one for a single device.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        batch_size: int,
        strategy: tf.distribute.Strategy,
    ):
        self.model = model
        self.optimizer = optimizer
        segmentation = len(model.output_shape) == 4
        self.training = tallies.Tallies()
        self.validation = tallies.Tallies(confused_classes=self.classes if segmentation else 0)
        # Answers of a batch: one an image, or one a pixel.
        self._batch_answers = batch_size * math.prod(model.output_shape[1:-1])
        self._strategy = strategy
        # Variables cannot be created later, inside a compiled step.
        optimizer.build(model.trainable_variables)

    @property
    def classes(self) -> int:
        return self.model.output_shape[-1]

    @property
    def variables(self) -> list[tf.Variable]:
        """All that a resumed training must find as it was."""
        kept = [*self.model.variables, *self.optimizer.variables]
        return [*(variable.value for variable in kept), self.training.variable]

    def compile_training(self, spec: tuple[tf.TensorSpec, tf.TensorSpec]):
        """A function of (images, labels) that trains on one batch; `spec` is the dataset's."""

        def one_device(images, labels):
            labels = tallies.class_ids(labels)
            with tf.GradientTape() as tape:
                logits = self.model(images, training=True)
                losses = tallies.losses(logits, labels)
                # Gradients are summed over the devices: each divides by the whole batch.
                loss = tf.reduce_sum(losses) / self._batch_answers
                penalties = self.model.losses
                if penalties:
                    loss += tf.add_n(penalties) / self._strategy.num_replicas_in_sync
                loss = self.optimizer.scale_loss(loss)
            weights = self.model.trainable_variables
            gradients = tape.gradient(loss, [weight.value for weight in weights])
            self.optimizer.apply(gradients, weights)
            self.training.add(losses, logits, labels)

        return self._compiled(one_device, spec)

    def compile_validation(self, spec: tuple[tf.TensorSpec, tf.TensorSpec]):
        """A function of (images, labels) that adds one batch to the validation's tallies."""

        def one_device(images, labels):
            labels = tallies.class_ids(labels)
            logits = self.model(images, training=False)
            self.validation.add(tallies.losses(logits, labels), logits, labels)

        return self._compiled(one_device, spec)

    def _compiled(self, one_device, spec):
        # No retracing for a smaller last batch: the dataset's own specification says None.
        @tf.function(input_signature=spec, autograph=False)
        def step(images, labels):
            self._strategy.run(one_device, args=(images, labels))

        return step
