"""A linear classifier, whose loss and gradients NumPy knows, and one step of its training."""

import json

import keras
import numpy as np
import tensorflow as tf
from scipy.special import log_softmax, softmax

from components.trainer.devices import Devices, distributed
from components.trainer.mixing import Mixer
from components.trainer.optimizer import build_optimizer
from components.trainer.training_step import Steps
from settings.training import Training

SIDE, CLASSES, BATCH = 3, 4, 6
IMAGES = np.random.default_rng(1).integers(0, 256, (BATCH, SIDE, SIDE, 1)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 3, 1, -1])
# Pictures are mixed in pairs, so each of two devices needs an even number.
TWO_IMAGES, TWO_LABELS = IMAGES[[0, 1, 2, 3, 4, 5, 0, 3]], LABELS[[0, 1, 2, 3, 4, 5, 0, 3]]
CLASS_WEIGHTS = [0.5, 2.0, 0.0, 1.5]
# Recipes that must do the same on one device, on two, and compiled by XLA.
RECIPES = {
    "clipped, averaged, mixup": {"gradient_clip_norm": 0.05, "ema_decay": 0.9, "mixup": 0.4},
    # The others are not clipped, which would hide a loss of another size.
    "focal, smoothed, in parts": {
        "loss": "focal",
        "focal_gamma": 1.5,
        "label_smoothing": 0.2,
        "gradient_accumulation": 3,
    },
    "cutmix": {"cutmix": 1.0},
    "several labels": {"loss": "focal", "mixup": 0.4, "gradient_accumulation": 2},
}
TASKS = {"several labels": "multi_label"}  # of recipes; the others classify


def targets_of(recipe: str) -> np.ndarray:
    """Those of TWO_IMAGES: a label each, or for several labels its class and the next one."""
    if recipe not in TASKS:
        return TWO_LABELS
    classes = np.eye(CLASSES, dtype=np.uint8)[TWO_LABELS]
    return classes | np.roll(classes, 1, axis=1)


def plain_sgd(**keys) -> Training:
    return Training(
        batch_size=BATCH, optimizer="sgd", schedule="constant", learning_rate=0.1, **keys
    )


def steps_of(
    training: Training, precision="float32", strategy=None, normalised=False, hidden=0, **keys
) -> Steps:
    """Ready to train, with batch normalisation or hidden units, which compute in `precision`, if
    wanted; `keys` are those of `Steps`.
    """
    devices = Devices(strategy or tf.distribute.get_strategy(), precision=precision)
    keras.utils.set_random_seed(3)
    with devices.strategy.scope(), devices.policy():
        images = keras.Input((SIDE, SIDE, 1), dtype="uint8")
        pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255, dtype="float32")(images))
        if normalised:
            pixels = keras.layers.BatchNormalization()(pixels)
        if hidden:
            pixels = keras.layers.Dense(hidden)(pixels)
        logits = keras.layers.Dense(CLASSES, dtype="float32", bias_initializer="ones")(pixels)
        optimizer = build_optimizer(training, 10, precision)
        model = keras.Model(images, logits)
        return Steps(model, optimizer, training, devices.strategy, **keys)


def mixer_of(training: Training) -> Mixer | None:
    return Mixer(training, seed=5) if training.mixes else None


def train(steps: Steps, count: int = 1, batch=(IMAGES, LABELS), **keys) -> None:
    spec = tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in batch)
    step = steps.compile_training(spec, **keys)
    for _ in range(count):
        step([tuple(map(tf.constant, batch))])


def weights_of(steps: Steps) -> list[np.ndarray]:
    return [weight.numpy().astype(np.float64) for weight in steps.model.trainable_variables]


def gradients(kernel, bias, smoothing: float = 0.0, weights=1.0) -> list[np.ndarray]:
    """Of the weighted sum over the batch, by its size; an example without a class adds nothing."""
    pixels = IMAGES.reshape(BATCH, -1) / 255
    wanted = np.eye(CLASSES)[LABELS] * (1 - smoothing) + smoothing / CLASSES
    weights = weights * (LABELS >= 0) / BATCH
    off = (softmax(pixels @ kernel + bias, -1) - wanted) * weights[:, None]
    return [pixels.T @ off, off.sum(0)]


def losses(logits, labels, smoothing=0.0, gamma=0.0) -> np.ndarray:
    """Of each example, not weighted; 0 without a class."""
    wanted = np.eye(CLASSES)[labels] * (1 - smoothing) + smoothing / CLASSES
    likelihoods = log_softmax(logits, -1)
    terms = wanted * (1 - np.exp(likelihoods)) ** gamma * likelihoods
    return -terms.sum(-1) * (labels >= 0)


def after_one_step(before, found, rate=0.1):
    """Nesterov's first step goes 1.9 times the gradient's way."""
    return [weight - 1.9 * rate * gradient for weight, gradient in zip(before, found, strict=True)]


def overflow_on_one_of_two(strategy: tf.distribute.Strategy) -> dict:
    """One step on two devices, of which only the second has labels, and so gradients, at all."""
    steps = steps_of(plain_sgd(), "mixed_float16", strategy, hidden=8)
    steps.optimizer.dynamic_scale.assign(2.0**126)
    dataset = tf.data.Dataset.from_tensors((IMAGES, np.array([-1, -1, -1, 0, 1, 2])))
    batches = distributed(dataset, Devices(strategy))
    before = weights_of(steps)
    steps.compile_training(batches.element_spec)([next(iter(batches))])
    return {
        "kept": [bool((a == b).all()) for a, b in zip(weights_of(steps), before, strict=True)],
        "scale": float(np.log2(steps.optimizer.dynamic_scale.numpy())),
        "counted": steps.training.totals().counted,
    }


def train_on_two_devices() -> None:
    """Prints the weights that three steps by each of `RECIPES` give on two devices, and more."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {}
    for name, keys in RECIPES.items():
        training = plain_sgd(**keys)
        steps = steps_of(
            training,
            strategy=strategy,
            class_weights=CLASS_WEIGHTS,
            mixer=mixer_of(training),
            task=TASKS.get(name, "classification"),
        )
        dataset = tf.data.Dataset.from_tensors((TWO_IMAGES, targets_of(name))).repeat()
        batches = distributed(dataset, Devices(strategy))
        step, fed = steps.compile_training(batches.element_spec), iter(batches)
        for _ in range(3):
            step([next(fed)])
        with steps.averaged():
            found[name] = [weight.tolist() for weight in weights_of(steps)]
    # It needs this module.
    from tests.components.trainer.staged_network import frozen_then_not

    found["frozen, by stage"] = [weight.tolist() for weight in frozen_then_not(strategy)]
    found["overflow on one"] = overflow_on_one_of_two(strategy)
    print(json.dumps(found))
