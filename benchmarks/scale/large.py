"""Whether memory stays flat and time linear as data outgrow memory.

    .venv/bin/python -m benchmarks.scale.large [--gigabytes 20]

Photographs of 500x375, of which few differ, go through ingest, statistics, Transform and the
Evaluator, at one sixteenth, a quarter and all of the size, and the quarter on one core. The disk
holds twice the size, and memory need not. Bars: peak memory below 4 GB; seconds linear within 15%
from each size to the next; two cores 1.7 times as fast as one. All but the whole goes through
twice, in turn, and the faster round counts, as what else a machine does can only add to it. Beside
it stands the speed-up of two processes that only decode photographs, one on each core, which shows
what the machine allows.
"""

import argparse
import itertools
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

from benchmarks.input.photographs import jpegs
from benchmarks.peak_memory import with_peak
from pipeline import surroundings

_DIFFERENT, _CLASSES = 2000, 2
_TESTED = 98  # per cent: training is not what is measured
_MOST_MIB, _LINEAR, _TWO_CORES = 4e9 / 2**20, 0.15, 1.7


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=20.0, help="of the largest size")
    given = parser.parse_args()
    if given.gigabytes < 1:
        parser.error(f"--gigabytes: given {given.gigabytes:g}; allowed: 1 or more")
    surroundings.pin()
    two = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        places = [Path(folder) / f"{number}.jpg" for number in range(_DIFFERENT)]
        for place, jpeg in zip(places, jpegs(_DIFFERENT), strict=True):
            place.write_bytes(jpeg)
        size = sum(place.stat().st_size for place in places) / _DIFFERENT
        most = int(given.gigabytes * 1e9 / size)
        runs = ((most // 16, two), (most // 4, two), (most // 4, two[:1]))
        rounds = [[_measured(Path(folder), places, size, *run) for run in runs] for _ in range(2)]
        few, more, alone = map(_best, zip(*rounds, strict=True))
        decoding = _two_decoding_to_one(places, two)
        all_of_it = _measured(Path(folder), places, size, most, two)
    return _print_bars(few, more, all_of_it, alone, decoding)


def _measured(folder: Path, places: list[Path], size: float, count: int, cores: list[int]):
    """(seconds of all stages, peak MiB) of a run in a process of its own; prints a line."""
    images = folder / "images"
    for number in range(count):
        link = images / f"class{number % _CLASSES}" / f"{number:07d}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(places[number % len(places)], link)
    spent, peak = with_peak(_run, images, folder, cores)
    shutil.rmtree(images)  # The next run may be of fewer.
    clock, cpu = (sum(one[which] for one in spent.values()) for which in (1, 0))
    stages = ", ".join(f"{name} {one[1]:,.1f} s" for name, one in spent.items())
    on = "one core" if len(cores) == 1 else f"{len(cores)} cores"
    print(
        f"{count * size / 1e9:.1f} GB, {count:,} images, {on}: {stages}; together {clock:,.1f} s, "
        f"{cpu:,.1f} s of CPU, peak {peak:,.0f} MiB",
        flush=True,
    )
    return clock, peak


def _best(rounds: Sequence[tuple[float, float]]) -> tuple[float, float]:
    clocks, peaks = zip(*rounds, strict=True)
    return min(clocks), max(peaks)


def _run(images: Path, folder: Path, cores: list[int]) -> dict[str, tuple[float, float]]:
    os.sched_setaffinity(0, cores)  # Before the libraries count them.
    from benchmarks.scale.measure import run

    few = folder / "few"
    if not few.exists():
        links = sorted(images.rglob("*.jpg"))
        for link in links[:: max(1, len(links) // 100)]:  # of every class
            copy = few / link.relative_to(images)
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(link, copy)
    run(few, folder, 50)  # What only the first run does does not count per image.
    return {name: tuple(spent) for name, spent in run(images, folder, _TESTED).items()}


def _two_decoding_to_one(places: list[Path], cores: list[int]) -> float:
    """How many times as many photographs a process on each core decodes as one alone."""
    with ProcessPoolExecutor(len(cores), multiprocessing.get_context("spawn")) as pool:

        def decoded(of: list[int]) -> int:
            return sum(pool.map(_decoded, [places] * len(of), of))

        decoded(cores)  # Starting the processes does not count.
        rounds = [(decoded(cores), decoded(cores[:1])) for _ in range(3)]
    return statistics.median(together / alone for together, alone in rounds)


def _decoded(places: list[Path], core: int) -> int:
    """How many photographs this process decodes on a core in two seconds."""
    os.sched_setaffinity(0, [core])
    until = time.perf_counter() + 2
    for count, place in enumerate(itertools.cycle(places)):
        if time.perf_counter() > until:
            return count
        with Image.open(place) as image:
            image.load()


def _print_bars(few, more, all_of_it, alone, decoding: float) -> int:
    peak = max(peak for _, peak in (few, more, all_of_it, alone))
    growth = [larger[0] / smaller[0] / 4 for smaller, larger in ((few, more), (more, all_of_it))]
    times = alone[0] / more[0]
    bars = {
        f"peak memory {peak:,.0f} MiB, at most {_MOST_MIB:,.0f}": peak < _MOST_MIB,
        f"seconds at four times the size {4 * growth[0]:.2f} and {4 * growth[1]:.2f} times, "
        f"4 within {_LINEAR:.0%}": all(abs(one - 1) <= _LINEAR for one in growth),
        f"two cores {times:.2f} times as fast as one, at least {_TWO_CORES}, where two processes "
        f"that only decode are {decoding:.2f} times one": times >= _TWO_CORES,
    }
    for bar, held in bars.items():
        print(f"{bar}: {'holds' if held else 'missed'}")
    return 0 if all(bars.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
