"""What temperature scaling does to confidence: `python -m benchmarks.calibration`.

Trains on scikit-learn's digits, on pairs of them with both as labels, and on patches of its two
photographs, of which a model is to tell the third of the photograph that they come from, plainly
and by the recipe from_scratch. Fits the temperature on the validation split, and measures the
expected calibration error on the test split, means over the seeds. Bar: not higher than before, and
the same answers.
"""

import argparse
import functools
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from benchmarks.photo_patches import patches
from components.evaluator.reliability import binned
from components.tasks.signature import signature_of
from components.tasks.training import training_of
from components.trainer.calibration import calibrate
from components.trainer.checkpoints import Checkpoints
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.trainer.mixing import Mixer
from components.trainer.model import build_model
from components.trainer.preparation import prepare
from components.trainer.training_log import TrainingLog
from components.transform.encoding import FixedExample
from metrics.expected_calibration_error import error
from settings.model import Model
from settings.training import Training

SPLITS = {"train": 0.5, "validation": 0.25, "test": 0.25}
BATCH = 32
RECIPES = {"plain": {}, "from_scratch": {"recipe": "from_scratch"}}


class Data(NamedTuple):
    images: np.ndarray  # (n, height, width, channels) uint8
    labels: np.ndarray  # (n,) int64, from 0, or (n, classes) uint8, 1 for those that an image has

    @property
    def task(self) -> str:
        return "classification" if self.labels.ndim == 1 else "multi_label"

    @property
    def classes(self) -> int:
        return int(self.labels.max()) + 1 if self.labels.ndim == 1 else self.labels.shape[1]


def digits() -> Data:
    found = load_digits()
    return Data((found.images * (255 / 16)).astype(np.uint8)[..., None], found.target)


def digit_pairs() -> Data:
    """Two digits beside each other, each digit once."""
    images, labels = digits()
    two = np.random.default_rng(0).permutation(len(labels) // 2 * 2).reshape(-1, 2)
    of_each = np.eye(10, dtype=np.uint8)[labels[two]]  # (n, 2, 10)
    return Data(np.concatenate([*images[two].swapaxes(0, 1)], axis=2), of_each.max(axis=1))


def photographs() -> Data:
    """Patches of six classes: the left, middle and right of two photographs."""
    return Data(*patches(rows=1, columns=3))


DATA = {"digits": digits, "digit pairs": digit_pairs, "photographs": photographs}


def written(data: Data, folder: Path) -> dict[str, str]:
    """A file of each split as Transform writes it."""
    single = data.task == "classification"
    target, size = ("label", "int64") if single else ("labels", data.classes)
    form = FixedExample({"image": data.images[0].size, target: size})
    order = np.random.default_rng(0).permutation(len(data.labels))
    ends = (np.cumsum(list(SPLITS.values())) * len(order)).astype(int)
    files = {}
    for name, rows in zip(SPLITS, np.split(order, ends[:-1]), strict=True):
        files[name] = str(folder / name)
        with tf.io.TFRecordWriter(files[name]) as writer:
            for row in rows:
                label = int(data.labels[row]) if single else data.labels[row].tobytes()
                writer.write(form.encode({"image": data.images[row].tobytes(), target: label}))
    return files


class Measured(NamedTuple):
    """Of one training."""

    before: float  # expected calibration error
    after: float
    temperature: float
    accuracy: float
    same: bool  # whether all answers stayed


def measure(data: Data, files: dict[str, str], keys: dict, seed: int, epochs: int) -> Measured:
    keras.utils.set_random_seed(seed)
    shape, part = data.images.shape[1:], training_of(data.task)
    mean, std = (getattr(data.images, name)(axis=(0, 1, 2)).tolist() for name in ("mean", "std"))
    training = Training.of(batch_size=BATCH, epochs=epochs, learning_rate=0.005, **keys)
    options = FeedOptions(seed=seed, strategy="memory")
    batches = functools.partial(
        input_function,
        image_shape=shape,
        batch_size=BATCH,
        target=part.feature(shape, data.classes),
    )
    once = functools.partial(batches, training=False, options=options)
    network = Model(name="small_cnn", parameters={"filters": [16, 32]})
    trained = prepare(
        training,
        build_model=lambda: build_model(network, shape, data.classes, mean, std),
        training_input=functools.partial(batches, [files["train"]], training=True),
        options=options,
        validation=once([files["validation"]]),
        checkpoints=Checkpoints(None, None, 60.0),
        log=TrainingLog(None),
        mixer=Mixer(training, seed) if training.mixes else None,
        task=data.task,
    ).run()
    calibrated, fitted = calibrate(trained.model, once([files["validation"]]), part.choices)
    tests = list(once([files["test"]]).dataset)
    labels = np.concatenate([batch.numpy() for _, batch in tests])
    judge = _one_label if data.task == "classification" else _several_labels

    def judged(model: keras.Model) -> Judged:
        logits = np.concatenate([model(images).numpy() for images, _ in tests])
        return judge(signature_of(data.task).probabilities(logits).numpy(), labels)

    before, after = judged(trained.model), judged(calibrated)
    same = (before.answers == after.answers).all()
    return Measured(before.error, after.error, fitted.temperature, before.accuracy, same)


class Judged(NamedTuple):
    error: float  # expected calibration error
    accuracy: float
    answers: np.ndarray


def _one_label(probabilities: np.ndarray, labels: np.ndarray) -> Judged:
    answers = probabilities.argmax(axis=1)
    right = answers == labels
    return Judged(error(binned(probabilities.max(axis=1), right)), right.mean(), answers)


def _several_labels(probabilities: np.ndarray, labels: np.ndarray) -> Judged:
    answers, truth = probabilities >= 0.5, labels > 0
    apart = error(binned(probabilities.ravel(), truth.ravel()))
    return Judged(apart, (answers == truth).all(axis=1).mean(), answers)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=15)
    given = parser.parse_args()
    held = True
    for name, make in DATA.items():
        with tempfile.TemporaryDirectory() as folder:
            data = make()
            files = written(data, Path(folder))
            for recipe, keys in RECIPES.items():
                found = [measure(data, files, keys, s, given.epochs) for s in range(given.seeds)]
                before, after, temperature, accuracy, same = np.mean(found, axis=0)
                holds = after <= before and same == 1
                held &= holds
                print(
                    f"{name}, {recipe}: expected calibration error {before:.4f} before, "
                    f"{after:.4f} after; temperature {temperature:.2f}; accuracy {accuracy:.3f}, "
                    f"{'the same answers' if same == 1 else 'other answers'}: "
                    f"{'holds' if holds else 'missed'}",
                    flush=True,
                )
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
