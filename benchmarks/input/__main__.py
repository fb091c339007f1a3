"""Input pipelines side by side: `python -m benchmarks.input` (make bench).

About ten minutes on two cores. Prints a table and what the project promises, and writes
results.json and throughput.png.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.input import consumer, limits, peers, photographs, report, variants

_SECONDS = 3.0  # of measuring a later epoch


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
        if found is None:
            print(f"{name}: not installed", flush=True)
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
    bars = report.bars(rates, core_rates, kinds, os.cpu_count())
    waits = _waits(data)
    opens = {"loose files": data.count, "shards": len(data.encoded)}
    frozen = _is_frozen(data)
    print(report.table(rates, core_rates, kinds))
    print("\nwhat is promised")
    for name, value in bars.items():
        print(f"  {name:<58}{value:>10,.2f}")
    for name, found in waits.items():
        print(
            f"  a consumer at 0.8 of {name}: waits {found['wait_share']:.2%} of its step, "
            f"p50 {found['wait_p50']:.2%}, p99 {found['wait_p99']:.2%} (≤ 1%, p99 ≤ 5%)"
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
        "promised": bars,
        "consumer": waits,
        "opens": opens,
        "frozen_batches": frozen,
    }
    report.write(arguments.out, result)
    print(f"\n{arguments.out}/results.json and {arguments.out}/throughput.png")


def _rate(variant: variants.Variant, data: photographs.Photographs) -> tuple[float, float]:
    """Images per second, and per second of one core's time."""
    if variant.kind == "first":
        return _measure(lambda: variant.iterator(data))
    if variant.cold:
        dataset = variant.build(data)
        limits.drop_page_cache()
        return _measure(lambda: iter(dataset), at_most=variants.COLD_TIMES * data.count)
    iterator = variant.iterator(data)
    for _ in range(data.count // photographs.BATCH):
        next(iterator)
    return _measure(lambda: iterator, seconds=_SECONDS)


def _measure(start, seconds: float = float("inf"), at_most: int | None = None):
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
            iterator = variant.iterator(data)
            for _ in range(data.count // photographs.BATCH):
                next(iterator)
            rate, _ = _measure(iterator.__iter__, seconds=_SECONDS)
            found[variant.name] = consumer.waits(iterator, rate)
    return found


def _is_frozen(data: photographs.Photographs) -> bool:
    """Whether the second epoch's first batch of variant (c) is the first one's."""
    steps = -(-data.count // photographs.BATCH)
    labels = [batch.numpy().tolist() for _, batch in variants.frozen(data).take(steps + 1)]
    return labels[0] == labels[-1]


if __name__ == "__main__":
    main()
