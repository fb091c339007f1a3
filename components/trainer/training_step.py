"""The compiled steps: one batch forwards and backwards, one batch forwards."""

import math

import keras
import tensorflow as tf

from components.trainer import tallies
from components.trainer.augmentation import Augmentation
from components.trainer.training_parameters import TrainingParameters


def build_optimizer(
    parameters: TrainingParameters, steps_per_epoch: int, precision: str = "float32"
) -> keras.Optimizer:
    """The optimizer and its learning rate over all steps.

    The rate rises over the first epoch: from the start, Adam's first steps are too long.
    """
    optimizer = _optimizer(parameters, steps_per_epoch)
    if precision == "mixed_float16":
        # Small gradients are no float16: they are enlarged, and a step that overflows is left out.
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def _optimizer(parameters: TrainingParameters, steps_per_epoch: int) -> keras.Optimizer:
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


def _normalise_over_devices(model: keras.Model) -> None:
    """Batch normalisation sees the whole batch: many devices train as one does."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _normalise_over_devices(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _overflowed_together(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """The gradients, made no numbers on every device where they are none on any.

    Keras's LossScaleOptimizer asks one device alone whether to leave a step out, before the
    gradients are added up: https://github.com/keras-team/keras, `LossScaleOptimizer._tf_apply`.
    """
    finite = [tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients]
    overflowed = tf.cast(~tf.reduce_all(finite), tf.float32)
    devices = tf.distribute.get_replica_context()
    overflowed = devices.all_reduce(tf.distribute.ReduceOp.SUM, overflowed)
    mark = tf.where(overflowed > 0, math.nan, 0.0)
    return [gradients[0] + tf.cast(mark, gradients[0].dtype), *gradients[1:]]


class Steps:
    """A model's training and validation steps under one `tf.distribute` strategy.

    Made inside `strategy.scope()`; the same code runs on one device and on many.

    Args:
      model: uint8 images to logits.
      optimizer: not yet built.
      batch_size: over all devices.
      strategy: TensorFlow's default one for a single device.
      augmentation: changes the training images, and masks with them; None changes nothing.
      xla: whether forwards and backwards are compiled with XLA.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        batch_size: int,
        strategy: tf.distribute.Strategy,
        augmentation: Augmentation | None = None,
        xla: bool = False,
    ):
        self.model = model
        self.optimizer = optimizer
        self._segmentation = len(model.output_shape) == 4
        self.training = tallies.Tallies()
        self.validation = tallies.Tallies(self.classes if self._segmentation else 0)
        # Answers of a batch: one an image, or one a pixel.
        self._batch_answers = batch_size * math.prod(model.output_shape[1:-1])
        self._strategy = strategy
        self._augmentation = augmentation
        self._xla = xla
        # XLA cannot compile what devices tell each other: each normalises its own part there.
        if strategy.num_replicas_in_sync > 1 and not xla:
            _normalise_over_devices(model)
        # Variables cannot be created later, inside a compiled step.
        optimizer.build(model.trainable_variables)

    @property
    def classes(self) -> int:
        return self.model.output_shape[-1]

    @property
    def variables(self) -> list[tf.Variable]:
        """All that a resumed training must find as it was, what float16 alone has at the end."""
        own = getattr(self.optimizer, "inner_optimizer", self.optimizer).variables
        kept = [variable.value for variable in [*self.model.variables, *own]]
        scaling = [variable.value for variable in self.optimizer.variables[: -len(own)]]
        return [*kept, self.training.variable, *scaling]

    def compile_training(self, spec: tuple[tf.TensorSpec, tf.TensorSpec], batches: int = 1):
        """A function of a list of `batches` pairs (images, targets) that trains on each in turn.

        Args:
          spec: the dataset's.
          batches: how many a call; each is traced for itself.
        """
        backwards = tf.function(self._backwards, autograph=False, jit_compile=True)
        backwards = backwards if self._xla else self._backwards

        def one_device(images, targets):
            losses, logits, labels, gradients = backwards(images, targets, self._device_step())
            if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
                gradients = _overflowed_together(gradients)
            # Outside of XLA: here the devices add up their gradients, which it cannot compile.
            self.optimizer.apply(gradients, self.model.trainable_variables)
            self.training.add(losses, logits, labels)

        return self._compiled(one_device, spec, batches)

    def _backwards(self, images, targets, step):
        """(losses, logits, class ids, gradients) of a device's part of a batch."""
        if self._augmentation:
            masks = targets if self._segmentation else None
            images, masks = self._augmentation(images, masks, step)
            targets = masks if self._segmentation else targets
        labels = tallies.class_ids(targets)
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            losses = tallies.losses(logits, labels)
            # Gradients are summed over the devices: each divides by the whole batch.
            loss = tf.reduce_sum(losses) / self._batch_answers
            penalties = self.model.losses
            if penalties:
                loss += tf.add_n(penalties) / self._strategy.num_replicas_in_sync
            loss = self.optimizer.scale_loss(loss)
        weights = [weight.value for weight in self.model.trainable_variables]
        return losses, logits, labels, tape.gradient(loss, weights)

    def _device_step(self) -> tf.Tensor:
        """() int64, another one for every step and every device."""
        device = tf.distribute.get_replica_context().replica_id_in_sync_group
        done = tf.cast(self.optimizer.iterations.value, tf.int64)
        return done * self._strategy.num_replicas_in_sync + tf.cast(device, tf.int64)

    def compile_validation(self, spec: tuple[tf.TensorSpec, tf.TensorSpec]):
        """A function of a list of one pair (images, targets), added to the validation's tallies."""

        def one_device(images, targets):
            labels = tallies.class_ids(targets)
            logits = self.model(images, training=False)
            self.validation.add(tallies.losses(logits, labels), logits, labels)

        return self._compiled(one_device, spec, 1)

    def _compiled(self, one_device, spec, batches: int):
        # No retracing for a smaller last batch: the dataset's own specification says None.
        @tf.function(input_signature=[[tuple(spec)] * batches], autograph=False)
        def steps(batches):
            for batch in batches:
                self._strategy.run(one_device, args=batch)

        return steps
