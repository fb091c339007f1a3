"""The compiled steps: one batch forwards and backwards, one batch forwards."""

import contextlib
import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from components.tasks.training import training_of
from components.trainer import layer_rates
from components.trainer.augmentation import Augmenter
from components.trainer.freezing import Freezing
from components.trainer.losses import Answers, Judged
from components.trainer.mixing import Mixer
from components.trainer.weight_average import WeightAverage
from failures import Failure
from settings.training import Training


def _normalise_over_devices(model: keras.Model) -> None:
    """Makes batch normalisation see the whole batch, so that many devices train as one does."""
    # `model.layers` does not look into layers of user code that hold others.
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _overflowed_together(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """The gradients, turned into NaN on every device if any device's are not finite.

    Keras's LossScaleOptimizer asks one device only whether to skip a step, before the gradients
    are summed: https://github.com/keras-team/keras, `LossScaleOptimizer._tf_apply`.
    """
    finite = [tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients]
    overflowed = tf.cast(~tf.reduce_all(finite), tf.float32)
    devices = tf.distribute.get_replica_context()
    overflowed = devices.all_reduce(tf.distribute.ReduceOp.SUM, overflowed)
    mark = tf.where(overflowed > 0, math.nan, 0.0)
    return [gradients[0] + tf.cast(mark, gradients[0].dtype), *gradients[1:]]


class Steps:
    """A model's training and validation steps under one `tf.distribute` strategy.

    It is made inside `strategy.scope()`; the same code runs on one device and on many.

    Args:
      optimizer: not yet built.
      training: says the batch's size, over all devices, the loss and the clipping.
      augmenter: changes the training images, and masks with them; None changes nothing.
      xla: whether XLA compiles the forward and backward pass.
      class_weights: as `Loss` takes them.
      mixer: mixes the training images; None mixes none.
      task: what the model answers, as `Features.task` names it.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        training: Training,
        strategy: tf.distribute.Strategy,
        augmenter: Augmenter | None = None,
        xla: bool = False,
        class_weights: Sequence[float] | None = None,
        mixer: Mixer | None = None,
        task: str = "classification",
    ):
        self.model = model
        self.optimizer = optimizer
        self.task = training_of(task)
        self.training = self.task.Tallies(self.classes, by_class=True)
        monitored = training.monitor if training.monitors_classes else None
        metrics = tuple(filter(None, (self.task.METRIC, monitored)))
        self.validation = self.task.Tallies(self.classes, metrics=metrics)
        self._loss = self.task.Loss(training, class_weights)
        # Without smoothing and class weights, so that trainings by other recipes compare.
        self._plain_loss = self.task.Loss(Training())
        # Classified are whole images, or each of their pixels.
        self._batch_answers = training.batch_size * math.prod(model.output_shape[1:-1])
        self._options = training
        self._strategy = strategy
        self._augmenter, self._mixer = augmenter, mixer
        self._xla = xla
        self._compiled_training = {}  # by what `compile_training` was given
        self._of_one_batch = {}  # by whether layers are frozen
        # XLA cannot compile communication between devices: each then normalises its own part.
        if strategy.num_replicas_in_sync > 1 and not xla:
            _normalise_over_devices(model)
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if inner.weight_decay:
            # Biases and normalisation are vectors, and not what makes a network complicated.
            vectors = [weight for weight in model.trainable_variables if len(weight.shape) < 2]
            inner.exclude_from_weight_decay(var_list=vectors)
        # A compiled step cannot create variables.
        optimizer.build(model.trainable_variables)
        self.freezing = Freezing(model, training)
        if layer_rates.is_by_layer(inner):
            inner.follow(
                layer_rates.shares_of(model, training.layer_decay),
                {id(one) for layer in self.freezing.layers for one in layer.variables},
            )
        self._average = None
        if training.ema_decay:
            self._average = WeightAverage(model, strategy, training.ema_decay)

    @property
    def classes(self) -> int:
        return self.model.output_shape[-1]

    @property
    def variables(self) -> list[tf.Variable]:
        """What a resumed training must find unchanged; float16's loss scaling comes last."""
        own = getattr(self.optimizer, "inner_optimizer", self.optimizer).variables
        kept = [variable.value for variable in [*self.model.variables, *own]]
        scaling = [variable.value for variable in self.optimizer.variables[: -len(own)]]
        average = self._average.variables if self._average else []
        return [*kept, self.training.variable, self.training.by_class, *average, *scaling]

    def averaged(self) -> contextlib.AbstractContextManager:
        """Inside this context the model has the weights that are evaluated and kept."""
        return self._average.in_place() if self._average else contextlib.nullcontext()

    def compile_training(
        self, spec: tuple[tf.TensorSpec, ...], batches: int = 1, frozen: bool | None = None
    ):
        """A function of a list of `batches` batches that trains on each in turn.

        A batch is images, targets and, if examples differ in it, what each weighs. The same
        arguments give the same function, which is compiled once.

        Args:
          frozen: whether `freezing.layers` stay as they are; None: as at the training's end.
        """
        frozen = self.freezing.for_good if frozen is None else frozen
        key = (tuple(spec), batches, frozen)
        if key not in self._compiled_training:
            self._compiled_training[key] = self._training(spec, batches, frozen)
        return self._compiled_training[key]

    def _training(self, spec: tuple[tf.TensorSpec, ...], batches: int, frozen: bool):
        # Calls of another number of batches share them: XLA compiles a large network for minutes.
        if frozen not in self._of_one_batch:
            self._of_one_batch[frozen] = self._functions_of_one_batch()
        one_device, after = self._of_one_batch[frozen]
        return self._compiled(one_device, spec, batches, after, frozen)

    def _functions_of_one_batch(self):
        """What each device does with its part of a batch, and what follows for all devices."""
        alone = self._strategy.num_replicas_in_sync == 1
        # XLA cannot compile the sum of the devices' gradients. A single device has none, and
        # would start thousands of small operations for the optimizer, one by one.
        backwards = self._by_xla(self._backwards) if not alone else self._backwards

        def one_device(images, targets, weights=None):
            draws = self._draws(images) if self._mixer else None
            step = self._device_step()
            logits, judged, gradients = backwards(images, targets, weights, draws, step)
            if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
                gradients = _overflowed_together(gradients)
            if self._options.gradient_clip_norm:
                gradients = self._clipped(gradients)
            self.optimizer.apply(gradients, self.model.trainable_variables)
            self.training.add(logits, judged)

        if not alone:
            return one_device, self._average_weights
        return self._by_xla(one_device), self._by_xla(self._average_weights)

    def _by_xla(self, function):
        """The function, compiled by XLA where that is wanted."""
        return tf.function(function, autograph=False, jit_compile=True) if self._xla else function

    def _backwards(self, images, targets, weights, draws, step):
        """(logits, how they were judged, gradients) of a device's part of a batch."""
        if self._augmenter:
            masks = targets if self.task.ARE_PICTURES else None
            images, masks = self._augmenter(images, masks, step)
            targets = targets if masks is None else masks
        if self._mixer:
            images, answers = self._mixer(images, targets, weights, draws)
        else:
            answers = [(self.task.labels(targets), weights)]
        count = self._options.gradient_accumulation
        if count == 1:
            return self._gradients(images, answers)
        return self._accumulated(images, answers, count)

    def _accumulated(self, images, answers: Answers, count: int):
        """`_backwards`, in `count` parts of which only one is in memory at a time."""
        size, parts, gradients = tf.shape(images)[0], [], None
        for number in range(count):
            part = slice(size * number // count, size * (number + 1) // count)
            with tf.control_dependencies(gradients or []):
                some = tf.identity(images[part])
            of_part = [(labels[part], w if w is None else w[part]) for labels, w in answers]
            logits, judged, more = self._gradients(some, of_part)
            pairs = zip(gradients or more, more, strict=True)
            gradients = [a + b for a, b in pairs] if gradients else more
            parts.append((logits, judged))
        logits = tf.concat([logits for logits, _ in parts], 0)
        same = zip(*(judged for _, judged in parts), strict=True)  # answers, not parts
        judged = [Judged(*(tf.concat(each, 0) for each in zip(*one, strict=True))) for one in same]
        return logits, judged, gradients

    def _gradients(self, images, answers: Answers):
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            judged = [self._loss.judge(logits, *answer) for answer in answers]
            # Gradients are summed over devices and parts: each divides by the whole batch.
            loss = tf.add_n([tf.reduce_sum(one.losses) for one in judged]) / self._batch_answers
            penalties = self.model.losses
            if penalties:
                times = self._strategy.num_replicas_in_sync * self._options.gradient_accumulation
                loss += tf.add_n(penalties) / times
            loss = self.optimizer.scale_loss(loss)
        variables = [weight.value for weight in self.model.trainable_variables]
        gradients = tape.gradient(loss, variables)
        if variables and all(gradient is None for gradient in gradients):
            raise Failure(
                "Trainer: no weight has a gradient: the loss does not depend on the logits, or the "
                "logits not on the weights, by operations that TensorFlow can differentiate."
            )
        # A weight that user code never uses has none; clipping and accumulating need a number.
        pairs = zip(gradients, variables, strict=True)
        return logits, judged, [tf.zeros_like(v) if g is None else g for g, v in pairs]

    def _average_weights(self) -> None:
        if self._average:
            self._average.update(self.optimizer.iterations.value)

    def _clipped(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients, shortened alike on every device if their sum over all is too long."""
        devices = tf.distribute.get_replica_context()
        summed = devices.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        length = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in summed])
        scale = getattr(self.optimizer, "dynamic_scale", None)  # of float16's gradients
        limit = self._options.gradient_clip_norm * (1.0 if scale is None else scale.value)
        factor = tf.minimum(1.0, limit / tf.maximum(length, 1e-30))
        return [gradient * tf.cast(factor, gradient.dtype) for gradient in gradients]

    def _draws(self, images: tf.Tensor) -> tf.Tensor:
        """What the mixer draws for a device's part of the batch."""
        device = tf.distribute.get_replica_context().replica_id_in_sync_group
        return self._mixer.draws(tf.shape(images)[0], self.optimizer.iterations.value, device)

    def _device_step(self) -> tf.Tensor:
        """() int64, different for every step and every device."""
        device = tf.distribute.get_replica_context().replica_id_in_sync_group
        done = tf.cast(self.optimizer.iterations.value, tf.int64)
        return done * self._strategy.num_replicas_in_sync + tf.cast(device, tf.int64)

    def compile_validation(self, spec: tuple[tf.TensorSpec, ...]):
        """A function of a list of one batch that adds to the validation's sums."""

        def one_device(images, targets, weights=None):
            logits = self.model(images, training=False)
            judged = self._plain_loss.judge(logits, self.task.labels(targets), weights)
            self.validation.add(logits, [judged])

        return self._compiled(one_device, spec, 1)

    def _compiled(self, one_device, spec, batches: int, after=lambda: None, frozen: bool = False):
        # A smaller last batch needs no retracing: the dataset's specification has None there.
        @tf.function(input_signature=[[tuple(spec)] * batches], autograph=False)
        def steps(batches):
            # While this is traced, and around all devices, whose traces take turns.
            with self.freezing.applied(frozen):
                for batch in batches:
                    self._strategy.run(one_device, args=batch)
                    after()
            # No caller needs it, but TensorFlow fully optimizes only a function with a result:
            # `fetch_nodes_known_` in https://github.com/tensorflow/tensorflow, core/grappler.
            return tf.constant(True)

        return steps
