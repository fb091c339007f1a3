"""What a data set of any size takes: machines, hours, bytes, money, and each stage's bottleneck.

    .venv/bin/python -m benchmarks.scale [--images 1000] [--rounds 2] [--within-hours 24]

It measures the CPU time of each component at 1, 4 and 16 times the images, prints how well the two
smaller sizes predict the largest (the bar is 20%), and multiplies. Eight minutes on two cores.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from benchmarks.scale.estimate import (
    IMAGENET_21K,
    LAION_LIKE,
    TERA,
    DataSet,
    Measured,
    Prices,
    memory_of_one_process,
    plan,
    storage,
)
from pipeline import surroundings

_BAR = 0.20


def main() -> int:
    arguments = _parser().parse_args()
    surroundings.pin()
    from benchmarks.scale.measure import measure  # It imports TensorFlow.

    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        measured = measure(arguments.images, arguments.rounds, Path(folder))
    held = _print_costs(measured)
    prices = Prices(
        **{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Prices)}
    )
    data_sets = [IMAGENET_21K, LAION_LIKE]
    if arguments.own_images:
        images, terabytes = arguments.own_images, arguments.own_terabytes
        pixels = 1e6 * arguments.own_megapixels
        data_sets = [DataSet("your data", images, terabytes * TERA, pixels)]
    for data in data_sets:
        print_plan(measured, data, prices, arguments.within_hours, arguments.epochs)
    print_assumptions(measured, prices)
    return 0 if held else 1


def print_plan(measured: Measured, data: DataSet, prices: Prices, within: float, epochs: int):
    """Prints a table in Markdown."""
    print(
        f"\n### {data.name}: {data.images:,.0f} images, {data.bytes / TERA:,.1f} TB, "
        f"each stage within {within:g} hours\n"
    )
    print("| stage | reads | writes | on one | machines | hours | money | bottleneck |")
    print("|---|---|---|---|---|---|---|---|")
    stages = plan(measured, data, prices, within, epochs)
    for one in stages:
        kind = "GPU" if one.name == "Trainer" else "machine"
        name = f"Trainer, {epochs} epochs" if one.name == "Trainer" else one.name
        print(
            f"| {name} | {one.bytes_read / TERA:,.1f} TB | {one.bytes_written / TERA:,.1f} TB "
            f"| {one.hours:,.1f} h | {one.machines} {kind}{'s' * (one.machines > 1)} "
            f"| {one.hours_together:,.1f} | {one.money:,.0f} | {one.bottleneck} |"
        )
    kept = storage(measured, data)
    print(
        f"\nAll stages: {sum(one.money for one in stages):,.0f}. Examples and transformed images: "
        f"{kept / TERA:,.1f} TB, {kept / TERA * prices.terabyte_month:,.0f} a month."
    )
    for what, size in memory_of_one_process(data).items():
        print(f"Memory of one process: {size / 1e9:,.1f} GB ({what}).")


def print_assumptions(measured: Measured, prices: Prices):
    """Prints what the tables rest on."""
    print("\nAssumptions:\n")
    size, megapixels = measured.bytes / 1000, measured.pixels / 1e6
    disk = prices.disk_bytes_second / 1e9
    for line in (
        f"Costs are CPU time measured here, on images of {size:,.0f} kB and {megapixels:.2f} "
        "megapixels. Ingest and statistics grow with the bytes, Transform and evaluation with the "
        "pixels.",
        f"A machine has {prices.cores} such cores, all of them busy, moves {disk:g} GB/s and costs "
        f"{prices.machine_hour:g} an hour. Several machines need a `beam.engine`, whose own cost "
        "is not counted.",
        f"A GPU trains {prices.gpu_images_second:,.0f} images/s and costs {prices.gpu_hour:g} an "
        "hour; several GPUs are assumed to train in proportion.",
        "The Evaluator reads 2% of the images, with a small network on the CPU.",
        "Prices are round numbers; give your own.",
    ):
        print(f"- {line}")


def _print_costs(measured: Measured) -> bool:
    print(
        "\n| component | CPU an image | images/s of a core | fixed | 16x predicted from 1x and 4x |"
    )
    print("|---|---|---|---|---|")
    held = True
    for name, cost in measured.costs.items():
        held &= abs(cost.error) <= _BAR
        rate = 1 / cost.an_image if cost.an_image else float("inf")
        print(
            f"| {name} | {1000 * cost.an_image:.2f} ms | {rate:,.0f} | {cost.fixed:.1f} s "
            f"| {cost.error:+.0%} |"
        )
    print(f"\nbar: within {_BAR:.0%} {'holds' if held else 'is missed'}")
    return held


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000, help="the smallest of three sizes")
    parser.add_argument("--rounds", type=int, default=2, help="of each size")
    parser.add_argument("--within-hours", type=float, default=24.0, help="for each stage")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--own-images", type=float, help="of another data set than the two")
    parser.add_argument("--own-terabytes", type=float, default=1.0)
    parser.add_argument("--own-megapixels", type=float, default=0.18)
    for field in dataclasses.fields(Prices):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, dest=field.name, type=type(field.default), default=field.default)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
