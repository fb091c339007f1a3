"""Whether what the docs say of the feed is true: `python -m benchmarks.feed`.

`--part ceiling`: whether the printed share of the ceiling holds the true one. For each data set,
idle and with one core kept busy by another program: a long training says what is true, as the
median of very many turns; short ones print their intervals. Bar: of 20 intervals of each, at
least 19 hold it. `--part plan`: see `benchmarks.planned`.
"""

import argparse
import contextlib
import multiprocessing
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import planned
from benchmarks.input import photographs
from benchmarks.input_report import digits, larger, train, written
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.trainer.input_report import report as input_report
from components.trainer.input_report.report import InputReport
from settings.training_input import InputReport as Limits


def photos() -> tuple[np.ndarray, np.ndarray]:
    """(512, 64, 64, 3) uint8 of photographs and (512,) int64."""
    folder = Path(tempfile.gettempdir()) / "steadyfeed"
    made = photographs.make(folder, 512)
    source = input_function(
        made.encoded, (64, 64, 3), 512, training=False, encoded=True, options=FeedOptions()
    )
    images, labels = next(iter(source.dataset))
    return images.numpy(), labels.numpy() % 10


class Thorough(InputReport):
    """Looks for as long as the training took."""

    def plan(self, alone: bool):
        calls = self.times.calls()
        pairs = int(calls.seconds.sum() / (2 * float(np.median(calls.seconds))))
        return input_report.Plan(max(pairs, 100), 1)


@contextlib.contextmanager
def one_core_busy() -> Iterator[None]:
    """Another program computes meanwhile."""
    other = multiprocessing.get_context("spawn").Process(target=_compute, daemon=True)
    other.start()
    try:
        yield
    finally:
        other.kill()
        other.join()


def _compute() -> None:
    number = 0
    while True:
        number += 1


def held(name: str, file: str, shape: tuple[int, int, int], epochs: int, runs: int) -> None:
    """Prints one line: the true share, the intervals that hold it, and how wide they are.

    Args:
      epochs: of a short training; a long one has four times as many.
    """
    thorough = Thorough(Limits())
    train(file, shape, thorough, 4 * epochs)
    truth = thorough.content["real_to_ceiling"]
    found = []
    for _ in range(runs):
        report = InputReport(Limits())
        train(file, shape, report, epochs)
        found.append(report.content["real_to_ceiling"])
    known = [one for one in found if one]
    # The long run does not know the truth better than its own interval.
    right = sum(one["low"] <= truth["high"] and truth["low"] <= one["high"] for one in known)
    width = np.median([one["high"] - one["low"] for one in known]) if known else float("nan")
    print(
        f"{name}: true {truth['middle']:.3f} ({truth['low']:.3f} to {truth['high']:.3f}), "
        f"{right} of {len(known)} intervals hold it, {runs - len(known)} runs print none, "
        f"median width {width:.2f}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("ceiling", "plan", "all"), default="all")
    parser.add_argument("--runs", type=int, default=20, help="of each data set, for the ceiling")
    parser.add_argument("--images", type=int, default=4000, help="photographs, for the plan")
    given = parser.parse_args()
    right = given.part == "ceiling" or planned.measure(given.images)
    if given.part != "plan":
        ceilings(given.runs)
    return 0 if right else 1


def ceilings(runs: int) -> None:
    """Prints two lines for each data set."""
    sets = {"digits": (digits, 10), "noise of 48x48": (larger, 2), "photographs": (photos, 10)}
    for name, (data, epochs) in sets.items():
        images, labels = data()
        with tempfile.TemporaryDirectory() as folder:
            file = written(images, labels, folder)
            held(f"{name}, idle", file, images.shape[1:], epochs, runs)
            with one_core_busy():
                held(f"{name}, one core busy", file, images.shape[1:], epochs, runs)


if __name__ == "__main__":
    main()
