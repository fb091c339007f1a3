"""Input pipelines side by side: `python -m benchmarks.input` (make bench).

About ten minutes on two cores. Prints a table and what the project promises, and writes
results.json and throughput.png.
"""

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.input import consumer, limits, peers, photographs, report, variants
from components.trainer.input.threads import giving_way

_SECONDS = 3.0  # of measuring a later epoch
_USUAL_STEP = 0.01  # seconds: of a small model on a fast accelerator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("out/bench-input"))
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "steadyfeed")
    arguments = parser.parse_args()

    data = photographs.make(arguments.data, arguments.images)
    measured = limits.limits(data)
    kinds = {variant.name: variant.kind for variant in variants.VARIANTS}
    kinds |= {name: kind for name, (kind, _) in peers.PEERS.items()}
    kinds |= dict.fromkeys(measured, "limit")
    rounds = {name: [] for name in kinds}
    core_rounds = {name: [] for name in kinds}

    def note(name, found):
        if isinstance(found, str):
            print(f"{name}: not measured, {found}", flush=True)
            return
        rounds[name].append(found[0])
        core_rounds[name].append(found[1])
        print(f"{name}: {found[0]:,.0f} images/s, {found[1]:,.0f} a core", flush=True)

    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}")
        for variant in variants.VARIANTS:
            note(variant.name, _rate(variant, data))
        for name in peers.PEERS:
            note(name, peers.measure(name, data.folder))
        for name, measure in measured.items():
            note(name, measure())
    rates, core_rates = report.medians(rounds), report.medians(core_rounds)
    waits = _waits(data)
    promises = report.promises(rates, core_rates, kinds, waits, os.cpu_count())
    opens = {"loose files": data.count, "shards": len(data.encoded)}
    frozen = _is_frozen(data)
    print(report.table(rates, core_rates, kinds))
    print("\nwhat is promised")
    for promise in promises:
        print(f"  {promise.line}")
    print("\na consumer that takes a fixed time a step, and no processor")
    for name, found in waits.items():
        print(
            f"  {name:<50} step {1000 * found['step_seconds']:>5.2f} ms: waits "
            f"{found['wait_share']:.2%} of it, p50 {found['wait_p50']:.2%}, "
            f"p99 {found['wait_p99']:.2%}"
        )
    print(f"\nfiles opened an epoch: {opens['loose files']} loose, {opens['shards']} shards")
    print(f"shuffle → batch → cache → repeat gives the same batches every epoch: {frozen}")
    result = {
        "images": data.count,
        "rounds": arguments.rounds,
        "cores": os.cpu_count(),
        "images_per_second": rates,
        "images_per_core_second": core_rates,
        "all_rounds": rounds,
        "kinds": kinds,
        "promised": [dataclasses.asdict(promise) for promise in promises],
        "consumer": waits,
        "opens": opens,
        "frozen_batches": frozen,
    }
    report.write(arguments.out, result)
    print(f"\n{arguments.out}/results.json and {arguments.out}/throughput.png")


def _rate(variant: variants.Variant, data: photographs.Photographs) -> tuple[float, float] | str:
    """Images per second, and per second of one core's time; or why there are none."""
    if variant.kind == "first":
        return _measure(lambda: variant.iterator(data))
    if variant.cold:
        dataset = variant.build(data)
        if not limits.drop_page_cache():
            return limits.NOT_ROOT
        return _measure(lambda: iter(dataset), at_most=variants.COLD_TIMES * data.count)
    iterator = _at_full_speed(variant, data)
    return _measure(lambda: iterator, seconds=_SECONDS)


def _at_full_speed(variant: variants.Variant, data: photographs.Photographs) -> Iterator:
    """Its batches after one epoch."""
    return _after_an_epoch(variant.iterator(data), data)


def _after_an_epoch(iterator: Iterator, data: photographs.Photographs) -> Iterator:
    for _ in range(data.count // photographs.BATCH):
        next(iterator)
    return iterator


def _measure(start: Callable[[], Iterator], seconds: float = float("inf"), at_most: int = 0):
    began, worked, images = time.perf_counter(), time.process_time(), 0
    for batch, _ in start():
        images += len(batch)
        if time.perf_counter() - began > seconds or (at_most and images >= at_most):
            break
    return images / (time.perf_counter() - began), images / (time.process_time() - worked)


def _waits(data: photographs.Photographs) -> dict[str, dict]:
    found = {}
    for variant in variants.VARIANTS:
        if variant.kind == "later" and variant.name.startswith("ours") and not variant.cold:
            # As the Trainer feeds an accelerator.
            iterator = _after_an_epoch(giving_way(variant.build(data)), data)
            rate, _ = _measure(lambda batches=iterator: batches, seconds=_SECONDS)
            fastest = consumer.step_seconds(rate)
            found[f"{variant.name}, at 0.8 of its rate"] = consumer.waits(iterator, fastest)
            if fastest < _USUAL_STEP:
                found[f"{variant.name}, a usual step"] = consumer.waits(iterator, _USUAL_STEP)
    return found


def _is_frozen(data: photographs.Photographs) -> bool:
    """Whether the second epoch's first batch of variant (c) is the first one's."""
    steps = -(-data.count // photographs.BATCH)
    labels = [batch.numpy().tolist() for _, batch in variants.frozen(data).take(steps + 1)]
    return labels[0] == labels[-1]


if __name__ == "__main__":
    main()
