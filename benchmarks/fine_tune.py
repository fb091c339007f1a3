"""What fine-tuning brings: `python -m benchmarks.fine_tune`.

Classifies scenes of digit_scenes, digits on photographs, by which digit they show: first many of 0
to 4, then few of 5 to 9, once from those weights and once from random ones, by the same number of
steps. In the same way it tells where in two photographs a patch is: first with many patches how
high, then with few how far right, of six classes each. And a U-Net segments scenes, first many by
foreground and background, then few by what is a digit and what a disc. Bar: from the weights of the
other task, the accuracy and the mean IoU on images that neither training saw are higher for every
seed. Ends with code 1 where it is missed.
"""

import argparse
import functools
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from benchmarks.photo_patches import patches
from components.trainer.checkpoints import Checkpoints
from components.trainer.first_weights import FirstWeights
from components.trainer.input.features import LABEL, Feature
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.trainer.model import build_model
from components.trainer.preparation import prepare
from components.trainer.trained import Trained
from components.trainer.training_log import TrainingLog
from components.transform.encoding import FixedExample
from datasets import digit_scenes
from datasets.digits import test_rows
from settings.model import Model
from settings.training import Training

FROM_SCRATCH = {"learning_rate": 0.01}
FINE_TUNED = {"recipe": "fine_tune"}


class Split(NamedTuple):
    """Images (n, height, width, channels) uint8 and targets, labels (n,) or masks of the images."""

    images: np.ndarray
    targets: np.ndarray


class Task(NamedTuple):
    """A task to train on."""

    model: Model
    classes: list[str]
    train: Split
    validation: Split


class Comparison(NamedTuple):
    """A task, the one before it, and how their scores are called."""

    metric: str
    before: Task
    after: Task
    epochs: tuple[int, int]  # of the task before, and of the task
    learning_rate: float  # of the fine-tuning


def classified(per_class: int = 40) -> Comparison:
    """Which of five digits is on photographs, of many; then which of five others, of few."""
    model = Model(name="small_cnn", parameters={"filters": [16, 32, 64]})

    def of(split: str, first: int, count: int) -> Split:
        digits, photographs = digit_scenes.material(split)
        labels = load_digits().target
        of_test = test_rows(labels)
        labels = labels[of_test if split == "test" else ~of_test]
        seed, targets = int(split == "test"), np.repeat(np.arange(5), count)
        made = [
            digit_scenes.scene(digits[labels == first + label], photographs, (seed, number))[0]
            for number, label in enumerate(targets)
        ]
        return Split(np.stack(made), targets)

    def task(first: int, count: int) -> Task:
        names = [str(first + label) for label in range(5)]
        return Task(model, names, of("train", first, count), of("test", first, 60))

    return Comparison("accuracy", task(0, 300), task(5, per_class), (10, 15), 0.003)


def photographed(per_class: int = 20) -> Comparison:
    """How high in which of two photographs a patch is, of many; then how far right, of few."""
    model = Model(name="small_cnn", parameters={"filters": [16, 32, 64]})

    def task(rows: int, columns: int, per_class: int) -> Task:
        images, parts = patches(rows, columns)
        # The same patches are for testing in both tasks.
        test, rest = np.split(np.random.default_rng(0).permutation(len(parts)), [len(parts) // 4])
        train = np.concatenate([rest[parts[rest] == part][:per_class] for part in range(6)])
        names = [f"part {part} of {rows}x{columns}" for part in range(6)]
        return Task(model, names, *(Split(images[one], parts[one]) for one in (train, test)))

    return Comparison("accuracy", task(3, 1, 1000), task(1, 3, per_class), (10, 15), 0.003)


def segmented(count: int = 16) -> Comparison:
    """Foreground and background, in many scenes; then digits and discs apart, in few."""
    model = Model(name="unet", parameters={"filters": [8, 16, 32]})

    def of(split: str, numbers: range) -> Split:
        material = digit_scenes.material(split)
        seed = 0 if split == "train" else 1
        made = [digit_scenes.scene(*material, (seed, number)) for number in numbers]
        return Split(*(np.stack([np.asarray(one[i]) for one in made]) for i in range(2)))

    def objects(given: Split) -> Split:
        return given._replace(targets=np.minimum(given.targets, 1))

    many, few, validation = (
        of("train", range(200)),
        of("train", range(200, 200 + count)),
        of("test", range(60)),
    )
    before = Task(model, ["background", "object"], objects(many), objects(validation))
    after = Task(model, list(digit_scenes.CLASSES), few, validation)
    return Comparison("mean_iou", before, after, (8, 15), 0.03)


def trained(task: Task, epochs: int, keys: dict, metric: str, seed: int, first=None) -> Trained:
    """One training of a task, from the weights of an earlier one if there are any."""
    keras.utils.set_random_seed(seed)
    height, width, channels = task.train.images.shape[1:]
    masks = Feature("mask", (height, width, 1), "uint8")
    target = LABEL if task.train.targets.ndim == 1 else masks
    training = Training.of(batch_size=8, epochs=epochs, monitor=metric, **keys)
    options = FeedOptions(seed=seed, strategy="memory")
    batches = functools.partial(
        input_function,
        image_shape=(height, width, channels),
        batch_size=training.batch_size,
        target=target,
    )
    of_pixels = task.train.images.reshape(-1, channels)
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: _written(Path(folder, name), getattr(task, name)) for name in Task._fields[2:]
        }
        return prepare(
            training,
            build_model=lambda: build_model(
                task.model,
                (height, width, channels),
                len(task.classes),
                of_pixels.mean(0).tolist(),
                of_pixels.std(0).tolist(),
                first_weights=first,
            ),
            begin=functools.partial(first.give_to, classes=task.classes) if first else None,
            training_input=functools.partial(batches, [files["train"]], training=True),
            options=options,
            validation=batches([files["validation"]], training=False, options=options),
            checkpoints=Checkpoints(None, None, 60.0),
            log=TrainingLog(None),
            task="classification" if target is LABEL else "segmentation",
        ).run()


def weights_of(done: Trained, task: Task) -> FirstWeights:
    """What a later training begins with."""
    pixels = done.model.get_layer("normalisation")
    return FirstWeights(
        place="the task before",
        fingerprint="",
        network=task.model.name,
        classes=task.classes,
        pixels=(np.ravel(pixels.mean).tolist(), np.sqrt(np.ravel(pixels.variance)).tolist()),
        values=[v.numpy() for v in done.model.variables if "float" in v.dtype],
    )


def scores(comparison: Comparison, seed: int) -> tuple[float, float]:
    """The metric after the last epoch: from random weights, and from those of the task before."""
    before, after, metric = comparison.before, comparison.after, comparison.metric
    first = weights_of(trained(before, comparison.epochs[0], FROM_SCRATCH, metric, seed), before)
    tuned = FINE_TUNED | {"learning_rate": comparison.learning_rate}
    runs = ((FROM_SCRATCH, None), (tuned, first))
    done = [trained(after, comparison.epochs[1], keys, metric, seed, w) for keys, w in runs]
    return done[0].history[-1].monitored, done[1].history[-1].monitored


def holds(name: str, comparison: Comparison, seeds: int) -> bool:
    """Prints the scores of each seed; whether fine-tuning won them all."""
    found = [scores(comparison, seed) for seed in range(seeds)]
    for seed, (scratch, tuned) in enumerate(found):
        print(f"{name}, seed {seed}: {comparison.metric} {tuned:.3f}, from scratch {scratch:.3f}")
    means = [statistics.mean(score) for score in zip(*found, strict=True)]
    won = all(tuned > scratch for scratch, tuned in found)
    print(
        f"{name}: mean {means[1]:.3f}, from scratch {means[0]:.3f}; "
        f"bar: higher for every seed: {'met' if won else 'missed'}",
        flush=True,
    )
    return won


def _written(file: Path, split: Split) -> str:
    """The split as Transform writes it."""
    masks = split.targets.ndim > 1
    sizes = {"image": split.images[0].size} | (
        {"mask": split.targets[0].size} if masks else {"label": "int64"}
    )
    form = FixedExample(sizes)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for image, target in zip(*split, strict=True):
            of_target = (
                {"mask": target.astype(np.uint8).tobytes()} if masks else {"label": int(target)}
            )
            writer.write(form.encode({"image": image.tobytes()} | of_target))
    return str(file)


COMPARISONS: dict[str, Callable[[], Comparison]] = {
    "classified": classified,
    "photographed": photographed,
    "segmented": segmented,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=COMPARISONS)
    given = parser.parse_args()
    names = [given.only] if given.only else list(COMPARISONS)
    held = [holds(name, COMPARISONS[name](), given.seeds) for name in names]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
