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
    parser.add_argument("--images", type=int, default=2000)
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
    for number in range(arguments.rounds):
        for variant in variants.VARIANTS:
            rounds[variant.name].append(_rate(variant, data))
            _show(number, variant.name, rounds)
        for name in peers.PEERS:
            rate = peers.measure(name, data.folder)
            rounds[name] += [rate] if rate else []
            _show(number, name, rounds)
        for name, measure in measured.items():
            rounds[name].append(measure())
            _show(number, name, rounds)
    rates = report.medians(rounds)
    bars = report.bars(rates, kinds, os.cpu_count())
    waits = _waits(data, rates)
    opens = {"loose files": data.count, "shards": len(data.encoded)}
    frozen = _is_frozen(data)
    print(report.table(rates, kinds))
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
        "all_rounds": rounds,
        "kinds": kinds,
        "promised": bars,
        "consumer": waits,
        "opens": opens,
        "frozen_batches": frozen,
    }
    report.write(arguments.out, result)
    print(f"\n{arguments.out}/results.json and {arguments.out}/throughput.png")


def _rate(variant: variants.Variant, data: photographs.Photographs) -> float:
    if variant.kind == "first":
        start, images = time.perf_counter(), 0
        for batch, _ in variant.iterator(data):
            images += len(batch)
        return images / (time.perf_counter() - start)
    iterator = variant.iterator(data)
    for _ in range(data.count // photographs.BATCH):
        next(iterator)
    if variant.cold:
        del iterator  # What it has read ahead must not count.
        iterator = variant.iterator(data)
        limits.drop_page_cache()
        next(iterator)
    return _steady_rate(iterator, data.count if variant.cold else None)


def _steady_rate(iterator, at_most: int | None = None) -> float:
    start, images = time.perf_counter(), 0
    while time.perf_counter() - start < _SECONDS and (at_most is None or images < at_most):
        images += len(next(iterator)[0])
    return images / (time.perf_counter() - start)


def _waits(data: photographs.Photographs, rates: dict[str, float]) -> dict[str, dict]:
    found = {}
    for variant in variants.VARIANTS:
        if variant.kind == "later" and variant.name.startswith("ours") and not variant.cold:
            iterator = variant.iterator(data)
            for _ in range(data.count // photographs.BATCH):
                next(iterator)
            found[variant.name] = consumer.waits(iterator, _steady_rate(iterator))
    return found


def _is_frozen(data: photographs.Photographs) -> bool:
    """Whether the second epoch's first batch of variant (c) is the first one's."""
    steps = -(-data.count // photographs.BATCH)
    labels = [batch.numpy().tolist() for _, batch in variants.frozen(data).take(steps + 1)]
    return labels[0] == labels[-1]


def _show(number: int, name: str, rounds: dict[str, list[float]]) -> None:
    rate = f"{rounds[name][-1]:,.0f} images/s" if rounds[name] else "not installed"
    print(f"round {number + 1}  {name}: {rate}", flush=True)


if __name__ == "__main__":
    main()
