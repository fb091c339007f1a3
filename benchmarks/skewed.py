"""What recipes for skewed classes bring: `python -m benchmarks.skewed`.

Trains on scikit-learn's digits with one image of some classes for every fifty of the others, with
each recipe from the same seeds, and prints the worst class's recall on images that were not
trained with. Bar: balanced sampling, class weights and the focal loss each at least 0.1 above
plain.
"""

import argparse
import functools
import statistics
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from components.trainer.checkpoints import Checkpoints
from components.trainer.class_weights import balanced
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.trainer.model import build_model
from components.trainer.preparation import prepare
from components.trainer.training_log import TrainingLog
from components.transform.encoding import FixedExample
from settings.model import Model
from settings.training import Training

SHAPE, CLASSES = (8, 8, 1), 10
RARE, COMMON = (3, 8), 150  # classes, and images of each other class
SKEW = 50
RECIPES = {
    "plain": {},
    "balanced sampling": {"sampling": "balanced"},
    "class weights": {"class_weights": "balanced"},
    "focal loss": {"loss": "focal", "focal_gamma": 2.0},
    "focal loss and class weights": {"loss": "focal", "class_weights": "balanced"},
}
_JUDGED, _BAR = ("balanced sampling", "class weights", "focal loss"), 0.1
_FORM = FixedExample({"image": 64, "label": "int64"})


def split() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images (n, 8, 8, 1) uint8 and labels (n,) int64 of each split."""
    found = load_digits()
    images = (found.images * (255 / 16)).astype(np.uint8)[..., None]
    rows = {"train": [], "validation": []}
    for label in range(CLASSES):
        of_class = np.flatnonzero(found.target == label)
        count = COMMON // SKEW if label in RARE else COMMON
        rows["train"].append(of_class[:count])
        rows["validation"].append(of_class[COMMON:])
    joined = {name: np.concatenate(parts) for name, parts in rows.items()}
    return {name: (images[part], found.target[part]) for name, part in joined.items()}


def written(folder: Path) -> dict[str, str]:
    """A file of each split as Transform writes it."""
    files = {}
    for name, (images, labels) in split().items():
        files[name] = str(folder / name)
        with tf.io.TFRecordWriter(files[name]) as writer:
            for image, label in zip(images, labels, strict=True):
                writer.write(_FORM.encode({"image": image.tobytes(), "label": int(label)}))
    return files


def worst_recall(files: dict[str, str], keys: dict, seed: int, epochs: int) -> float:
    """The worst class's recall after the last epoch of one training."""
    keras.utils.set_random_seed(seed)
    training = Training.of(
        batch_size=32, epochs=epochs, learning_rate=0.005, monitor="worst_class_recall", **keys
    )
    counts = np.bincount(split()["train"][1], minlength=CLASSES)
    options = FeedOptions(seed=seed, strategy="memory", balanced=training.sampling == "balanced")
    batches = functools.partial(input_function, image_shape=SHAPE, batch_size=32, options=options)
    model = Model(name="small_cnn", parameters={"filters": [16, 32]})
    trained = prepare(
        training,
        build_model=lambda: build_model(model, SHAPE, CLASSES, [78.0], [96.0]),
        training_input=functools.partial(
            input_function, [files["train"]], SHAPE, 32, training=True
        ),
        options=options,
        validation=batches([files["validation"]], training=False),
        checkpoints=Checkpoints(None, None, 60.0),
        log=TrainingLog(None),
        class_weights=balanced(counts.tolist()) if training.class_weights else None,
    ).run()
    return trained.history[-1].monitored


def measure(seeds: int, epochs: int) -> dict[str, list[float]]:
    """The worst class's recall by recipe, one for each seed."""
    with tempfile.TemporaryDirectory() as folder:
        files = written(Path(folder))
        return {
            name: [worst_recall(files, keys, seed, epochs) for seed in range(seeds)]
            for name, keys in RECIPES.items()
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args()
    found = measure(given.seeds, given.epochs)
    plain = statistics.mean(found["plain"])
    for name, recalls in found.items():
        mean = statistics.mean(recalls)
        spread = f"{min(recalls):.2f} to {max(recalls):.2f}"
        print(f"{name}: {mean:.3f} ({spread}), {mean - plain:+.3f} against plain")
    missed = [name for name in _JUDGED if statistics.mean(found[name]) - plain < _BAR]
    print(f"at least {_BAR:.3f} above plain: {', '.join(missed) or 'none'} missed it")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
