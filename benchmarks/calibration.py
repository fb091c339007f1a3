"""What temperature scaling does to confidence: `python -m benchmarks.calibration`.

Trains on scikit-learn's digits and on patches of its two photographs, of which a model is to tell
the third of the photograph that they come from, plainly and by the recipe from_scratch. Fits the
temperature on the validation split, and measures the expected calibration error on the test split,
means over the seeds. Bar: not higher than before, and the same answers.
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
from scipy.special import softmax
from sklearn.datasets import load_digits, load_sample_images

from components.evaluator.reliability import binned
from components.tasks.classification.training import choices
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
PATCH = 16  # pixels
BATCH = 32
RECIPES = {"plain": {}, "from_scratch": {"recipe": "from_scratch"}}


class Data(NamedTuple):
    images: np.ndarray  # (n, height, width, channels) uint8
    labels: np.ndarray  # (n,) int64, from 0


def digits() -> Data:
    found = load_digits()
    return Data((found.images * (255 / 16)).astype(np.uint8)[..., None], found.target)


def photographs() -> Data:
    """Patches that do not overlap, of six classes: the left, middle and right of two pictures."""
    images, labels = [], []
    for number, picture in enumerate(load_sample_images().images):
        height, width = (side // PATCH for side in picture.shape[:2])
        rows = picture[: height * PATCH, : width * PATCH].reshape(height, PATCH, width, PATCH, 3)
        images.append(rows.swapaxes(1, 2).reshape(-1, PATCH, PATCH, 3))
        labels.append(np.tile(3 * number + np.arange(width) * 3 // width, height))
    return Data(np.concatenate(images), np.concatenate(labels))


DATA = {"digits": digits, "photographs": photographs}


def written(data: Data, folder: Path) -> dict[str, str]:
    """A file of each split as Transform writes it."""
    form = FixedExample({"image": data.images[0].size, "label": "int64"})
    order = np.random.default_rng(0).permutation(len(data.labels))
    ends = (np.cumsum(list(SPLITS.values())) * len(order)).astype(int)
    files = {}
    for name, rows in zip(SPLITS, np.split(order, ends[:-1]), strict=True):
        files[name] = str(folder / name)
        with tf.io.TFRecordWriter(files[name]) as writer:
            for row in rows:
                image, label = data.images[row].tobytes(), int(data.labels[row])
                writer.write(form.encode({"image": image, "label": label}))
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
    shape, classes = data.images.shape[1:], int(data.labels.max()) + 1
    mean, std = (getattr(data.images, name)(axis=(0, 1, 2)).tolist() for name in ("mean", "std"))
    training = Training.of(batch_size=BATCH, epochs=epochs, learning_rate=0.005, **keys)
    options = FeedOptions(seed=seed, strategy="memory")
    batches = functools.partial(input_function, image_shape=shape, batch_size=BATCH)
    once = functools.partial(batches, training=False, options=options)
    network = Model(name="small_cnn", parameters={"filters": [16, 32]})
    trained = prepare(
        training,
        build_model=lambda: build_model(network, shape, classes, mean, std),
        training_input=functools.partial(batches, [files["train"]], training=True),
        options=options,
        validation=once([files["validation"]]),
        checkpoints=Checkpoints(None, None, 60.0),
        log=TrainingLog(None),
        mixer=Mixer(training, seed) if training.mixes else None,
    ).run()
    calibrated, fitted = calibrate(trained.model, once([files["validation"]]), choices)
    tests = list(once([files["test"]]).dataset)
    labels = np.concatenate([batch.numpy() for _, batch in tests])
    answers = [
        softmax(np.concatenate([model(images).numpy() for images, _ in tests]), axis=1)
        for model in (trained.model, calibrated)
    ]
    right = [answer.argmax(axis=1) == labels for answer in answers]
    errors = [error(binned(a.max(axis=1), r)) for a, r in zip(answers, right, strict=True)]
    return Measured(*errors, fitted.temperature, right[0].mean(), (right[0] == right[1]).all())


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
