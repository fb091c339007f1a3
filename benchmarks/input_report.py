"""What the input report costs a training: `python -m benchmarks.input_report`.

Trains with and without the report in turn, in one process, and prints the ratio of the medians
and how near the training came to its ceiling. Bars: the ratio below 1.03, and digits at 0.97 of
the ceiling or more.
"""

import argparse
import functools
import statistics
import tempfile
import time

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from benchmarks.input.photographs import example
from components.trainer.checkpoints import Checkpoints
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.trainer.input_report.report import InputReport
from components.trainer.model import build_model
from components.trainer.preparation import prepare
from components.trainer.training_log import TrainingLog
from settings.model import Model
from settings.training import Training
from settings.training_input import InputReport as Limits


def digits() -> tuple[np.ndarray, np.ndarray]:
    """(1437, 12, 12, 1) uint8 and (1437,) int64, the size of configs/digits.yaml's training."""
    found = load_digits()
    pictures = (found.images[:1437] * (255 / 16)).astype(np.uint8)
    return np.pad(pictures, ((0, 0), (2, 2), (2, 2)))[..., None], found.target[:1437]


def larger() -> tuple[np.ndarray, np.ndarray]:
    """(4096, 48, 48, 3) uint8 noise and (4096,) int64."""
    random = np.random.default_rng(1)
    return random.integers(0, 256, (4096, 48, 48, 3)).astype(np.uint8), np.arange(4096) % 10


def train(
    file: str, shape: tuple[int, int, int], report: InputReport | None, epochs: int = 5
) -> float:
    """Seconds of one training, from its first step to the report's end."""
    batches = functools.partial(input_function, [file], shape, 32, training=True)
    channels = shape[-1]
    build = functools.partial(
        build_model,
        Model(name="small_cnn", parameters={"filters": [16, 32]}),
        shape,
        10,
        [120.0] * channels,
        [70.0] * channels,
    )
    training = prepare(
        Training(batch_size=32, epochs=epochs),
        build_model=build,
        training_input=batches,
        options=FeedOptions(seed=1, strategy="memory"),
        validation=None,
        checkpoints=Checkpoints(None, None, 60.0),
        log=TrainingLog(None),
        input_report=report,
    )
    began = time.perf_counter()
    training.run()
    return time.perf_counter() - began


def written(images: np.ndarray, labels: np.ndarray, folder: str) -> str:
    """A TFRecord file of the Examples, below `folder`."""
    file = f"{folder}/data-00000-of-00001"
    with tf.io.TFRecordWriter(file) as writer:
        for image, label in zip(images, labels, strict=True):
            writer.write(example(image.tobytes(), int(label)))
    return file


def measure(name: str, images: np.ndarray, labels: np.ndarray, rounds: int) -> None:
    """Prints one line: the cost, and how near the ceiling."""
    with tempfile.TemporaryDirectory() as folder:
        file = written(images, labels, folder)
        seconds = {True: [], False: []}
        ceilings = []
        for number in range(2 * rounds):
            # Who goes first changes from round to round.
            looked = (number + number // 2) % 2 == 0
            report = InputReport(Limits()) if looked else None
            seconds[looked].append(train(file, images.shape[1:], report))
            if report:
                ceilings.append(report.content["real_to_ceiling"]["middle"])
        with_report, without = (statistics.median(seconds[looked]) for looked in (True, False))
        print(
            f"{name}: {without:.2f} s without the report, {with_report:.2f} s with it, "
            f"ratio {with_report / without:.3f}; real to ceiling "
            f"{statistics.median(ceilings):.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    measure("digits", *digits(), rounds)
    measure("larger", *larger(), rounds)


if __name__ == "__main__":
    main()
