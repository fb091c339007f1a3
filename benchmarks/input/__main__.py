"""Input pipelines side by side: `python -m benchmarks.input` (make bench).

About ten minutes on two cores. Prints a table and what the project promises, and draws
throughput.png.
"""

import argparse
import functools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.input import limits, peers, photographs, report, variants
from components.trainer.certification.emulation import waits
from components.trainer.input.threads import giving_way

_SECONDS = 3.0  # of measuring a later epoch
_SHARE = 0.8  # of a pipeline's rate is what the consumer takes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("out/bench-input"))
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "steadyfeed")
    given = parser.parse_args()

    data = photographs.make(given.data, given.images)
    kinds, measures = {}, {}
    for name, (kind, build) in variants.VARIANTS.items():
        kinds[name], measures[name] = kind, functools.partial(_rate, kind, build)
    for name, (kind, _) in peers.installed().items():
        kinds[name], measures[name] = kind, functools.partial(peers.measure, name)
    for name, measure in ((limits.DECODE, limits.decode), (limits.MEMCPY, limits.memcpy)):
        kinds[name], measures[name] = "limit", measure
    rounds = {name: [] for name in measures}
    for number in range(given.rounds):
        print(f"round {number + 1} of {given.rounds}")
        for name, measure in measures.items():
            rounds[name].append(measure(data))
            print(
                "{}: {:,.0f} images/s, {:,.0f} a core".format(name, *rounds[name][-1]), flush=True
            )
    rates = {name: np.median(found, axis=0) for name, found in rounds.items()}
    print(report.table(rates, kinds), "", "what is promised", sep="\n")
    print(*report.promises(rates, kinds, _waits(data)), sep="\n")
    report.plot(given.out / "throughput.png", rates, kinds, given.rounds)
    print(f"\n{given.out}/throughput.png")


def _rate(kind: str, build: Callable, data: photographs.Photographs) -> tuple[float, float]:
    """Images per second, and per second of one core's time."""
    if kind == "first":
        return _measure(lambda: iter(build(data)))
    iterator = _after_an_epoch(iter(build(data)), data)
    return _measure(lambda: iterator, _SECONDS)


def _after_an_epoch(iterator: Iterator, data: photographs.Photographs) -> Iterator:
    for _ in range(data.count // photographs.BATCH):
        next(iterator)
    return iterator


def _measure(start: Callable[[], Iterator], seconds: float = float("inf")) -> tuple[float, float]:
    began, worked, images = time.perf_counter(), time.process_time(), 0
    for batch, _ in start():
        images += len(batch)
        if time.perf_counter() - began > seconds:
            break
    return images / (time.perf_counter() - began), images / (time.process_time() - worked)


def _waits(data: photographs.Photographs) -> dict[str, tuple[float, float]]:
    """How long a consumer of 0.8 of its rate waits for ours: {name: (share, p99)}."""
    found = {}
    for name, (kind, build) in variants.VARIANTS.items():
        if kind == "later" and name.startswith("ours"):
            # As the Trainer feeds an accelerator.
            iterator = _after_an_epoch(giving_way(build(data)), data)
            rate, _ = _measure(lambda batches=iterator: batches, _SECONDS)
            step = photographs.BATCH / (_SHARE * rate)
            waited = waits(iterator, step)
            found[name] = waited.share, waited.p99 / (waited.p99 + step)
    return found


if __name__ == "__main__":
    main()
