"""Whether what the input plan predicts happens: `python -m benchmarks.feed --part plan`.

Consumers that take a fixed time a step, without the processor, at 0.5, 0.9 and 1.5 of the rate
at which a strategy gives images, take a first epoch and later ones from it, on three data sets.
Each is predicted by a probe of its own just before, as a training is.
Bars: images a second within 15% and the share of waiting within 3 points; and for consumers at
these parts of streaming's rate, the chosen strategy takes at most 5% longer than the best.

A virtual machine may give memory that was free for seconds back to its host, and gets it again at
a third of the speed, so memory is touched before each probe and each training: both find it alike.
A case is tried again where other programs took more than 3% of the cores.

Its second line says where a miss comes from, each time what was predicted for what was: how long
the store took to fill, when its first batch came, and the rate without a consumer just after; what
would have been predicted from what was; the longest waits of later steps; and what others took.
"""

import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.input import photographs
from benchmarks.input_report import larger, written
from components.trainer.certification.emulation import StandIn
from components.trainer.input import records
from components.trainer.input.features import LABEL, image_feature
from components.trainer.input.function import feed
from components.trainer.input.options import FeedOptions
from components.trainer.input.source import Source
from components.trainer.input.threads import giving_way
from components.trainer.input_plan.plan import duration
from components.trainer.input_plan.planner import MODEL_SHARE
from components.trainer.input_plan.prediction import (
    Consumer,
    Costs,
    Epoch,
    Forecast,
    pick,
    predict,
)
from components.trainer.input_plan.probe import Probe
from components.trainer.input_plan.speed import at_most, core_seconds
from components.usable_cores import usable_cores
from settings.training_input import InputFunction

BATCH = 64
EPOCHS = 3
STRATEGIES = ("memory", "disk", "streaming")
PARTS_OF_THE_RATE = (0.5, 0.9, 1.5)
_RATE, _WAIT, _CHOICE = 0.15, 0.03, 0.05
_SECONDS = 2.0  # of later epochs, at least one whole one of them
_OTHERS, _TRIES = 0.03, 3
_BUFFERS = 256 << 20  # bytes of what is read ahead and of batches that are ready
_BUSY = (0, 1, 2, 5, 6, 7)  # of /proc/stat's columns: what is neither idle nor waits for a disk


@dataclasses.dataclass(frozen=True)
class Happened:
    """What a consumer met."""

    load_seconds: float  # before the first batch was asked for
    first_batch_seconds: float
    first: Epoch
    later: Epoch
    waits: tuple[float, float]  # of later steps, p99 and the longest, seconds
    images_per_second: float  # without a consumer, just after
    seconds: float  # of all epochs


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Whether a case holds its bars."""

    held: bool
    held_by_what_was: bool  # had the probe found what was measured afterwards


class Others:
    """What other programs take of this machine's cores from now on."""

    def __init__(self):
        self._began, self._used = time.perf_counter(), _busy_seconds() - core_seconds()

    def share(self) -> float:
        """0..1."""
        took = time.perf_counter() - self._began
        used = _busy_seconds() - core_seconds() - self._used
        return max(0.0, used / (took * os.cpu_count()))


def _busy_seconds() -> float:
    with open("/proc/stat") as file:
        columns = file.readline().split()[1:]
    return sum(int(columns[place]) for place in _BUSY) / os.sysconf("SC_CLK_TCK")


def sources(folder: Path, images: int) -> Iterator[tuple[str, Source]]:
    """Photographs of 500x375 as JPEGs, these decoded at 224x224, and many small images."""
    made = photographs.make(folder, images)
    features = (image_feature(photographs.SHAPE), LABEL)
    os.sync()  # What was written here must not be written while the disk is measured.
    yield "JPEGs", records.source(made.encoded, features, True)
    yield "decoded photographs", records.source(made.raw, features)
    pixels, labels = larger()
    times = max(1, 8 * images // len(pixels))
    file = written(np.concatenate([pixels] * times), np.tile(labels, times), str(folder))
    os.sync()
    yield "noise of 48x48", records.source([file], (image_feature(pixels.shape[1:]), LABEL))


def compare(name: str, source: Source, cache: str) -> bool:
    """Prints two lines for each case, and how many hold their bar; returns whether all do."""
    options = FeedOptions(seed=1, cache_dir=cache)
    print(f"{name}: {source.count():,} images", flush=True)
    cases, rates = [], {}
    for strategy in STRATEGIES:
        rates[strategy] = rate = rate_of(source, options, strategy)
        print(f"  {strategy}: {rate:,.0f} images/s at most", flush=True)
        for part in PARTS_OF_THE_RATE:
            consumer = Consumer(BATCH, BATCH / (rate * part))
            cases.append(_case(source, options, strategy, consumer, f"{part:.1f}"))
    held, true = sum(one.held for one in cases), sum(one.held_by_what_was for one in cases)
    print(f"  {held} of {len(cases)} predictions hold; {true} would from what was measured after")
    chosen = [
        _choice(source, options, Consumer(BATCH, BATCH / (rates["streaming"] * part)))
        for part in PARTS_OF_THE_RATE
    ]
    print(f"  {sum(chosen)} of {len(chosen)} choices are within {_CHOICE:.0%} of the best")
    return held == len(cases) and all(chosen)


def probed(source: Source, options: FeedOptions) -> dict[str, Costs]:
    """What a training's probe finds, by strategy."""
    _forget(options.cache_dir)
    _touch_memory(source)
    seconds = (1 - MODEL_SHARE) * InputFunction().probe_seconds
    probe = Probe(source, source.count(), BATCH, options, seconds, giving_way)
    return {one.strategy: one for one in probe.measure({}).costs}


def rate_of(source: Source, options: FeedOptions, strategy: str) -> float:
    """Images a second at most, measured for long."""
    options = dataclasses.replace(options, strategy=strategy)
    made = feed(source, BATCH, training=True, options=options)
    batches = giving_way(made.dataset)
    at_most(batches, BATCH, _SECONDS, fewest=made.steps_per_epoch)
    return at_most(batches, BATCH, 2 * _SECONDS).images_per_second


def meet(source: Source, options: FeedOptions, strategy: str, consumer: Consumer) -> Happened:
    """Feeds the consumer one epoch and then more of them."""
    options = dataclasses.replace(options, strategy=strategy)
    _forget(options.cache_dir)
    _touch_memory(source)
    began = time.perf_counter()
    made = feed(source, BATCH, training=True, options=options)
    device = StandIn(consumer.step_seconds)
    loaded = time.perf_counter() - began
    batches = giving_way(made.dataset)
    steps = made.steps_per_epoch
    first_batch = device.take(batches)
    waited = loaded + first_batch + sum(device.take(batches) for _ in range(steps - 1))
    first = waited + steps * consumer.step_seconds
    count = max(steps, round(_SECONDS / consumer.step_seconds))
    more = [device.take(batches) for _ in range(count)]
    later = sum(more) + count * consumer.step_seconds
    at_most(batches, BATCH, _SECONDS / 4)
    return Happened(
        loaded,
        first_batch,
        Epoch(steps * BATCH / first, waited / first),
        Epoch(count * BATCH / later, sum(more) / later),
        (float(np.percentile(more, 99)), max(more)),
        at_most(batches, BATCH, _SECONDS / 2).images_per_second,
        first + (EPOCHS - 1) * later * steps / count,
    )


def _forget(folder: str) -> None:
    """The first epoch is one that finds nothing below the folder."""
    for file in Path(folder).glob("*/*"):
        file.unlink()


def _touch_memory(source: Source) -> None:
    """As much as a store, its copy that the system holds for the disk, and the buffers take."""
    size = 2 * source.count() * source.row_bytes + _BUFFERS
    np.empty(size, np.uint8)[:: os.sysconf("SC_PAGE_SIZE")] = 1


def _forecast(one: Costs, source: Source, consumer: Consumer) -> Forecast:
    return predict(one, consumer, source.count() // BATCH, EPOCHS, usable_cores())


def _case(source: Source, options, strategy: str, consumer: Consumer, part: str) -> Outcome:
    for _ in range(_TRIES):
        others = Others()
        costs = probed(source, options)[strategy]
        found = meet(source, options, strategy, consumer)
        share = others.share()
        if share <= _OTHERS:
            break
    told, real = _forecast(costs, source, consumer), (found.first, found.later)
    outcome = Outcome(
        _holds(told, real), _holds(_forecast(_as_met(costs, found), source, consumer), real)
    )
    pairs = zip(("first", "later"), (told.first_epoch, told.later_epochs), real, strict=True)
    words = [
        f"{when} {one.images_per_second:,.0f} for {other.images_per_second:,.0f} images/s, "
        f"waits {one.wait:.1%} for {other.wait:.1%}"
        for when, one, other in pairs
    ]
    print(f"    at {part}: {'; '.join(words)}: {_verdict(outcome.held)}")
    print(
        f"      {_where_from(costs, found)}; {_verdict(outcome.held_by_what_was)} by these; "
        f"others {share:.0%}",
        flush=True,
    )
    return outcome


def _holds(told: Forecast, real: tuple[Epoch, Epoch]) -> bool:
    return all(
        abs(one.images_per_second / other.images_per_second - 1) <= _RATE
        and abs(one.wait - other.wait) <= _WAIT
        for one, other in zip((told.first_epoch, told.later_epochs), real, strict=True)
    )


def _verdict(held: bool) -> str:
    return "holds" if held else "MISSED"


def _as_met(costs: Costs, found: Happened) -> Costs:
    return dataclasses.replace(
        costs,
        prepare_seconds=found.load_seconds,
        first_batch_seconds=found.first_batch_seconds,
        images_per_second=found.images_per_second,
    )


def _where_from(costs: Costs, found: Happened) -> str:
    p99, longest = (f"{1000 * seconds:.1f}" for seconds in found.waits)
    return (
        f"load {costs.prepare_seconds:.2f} for {found.load_seconds:.2f} s, "
        f"first batch {costs.first_batch_seconds:.2f} for {found.first_batch_seconds:.2f} s, "
        f"rate {costs.images_per_second:,.0f} for {found.images_per_second:,.0f} images/s; "
        f"waits p99 {p99}, max {longest} ms"
    )


def _choice(source: Source, options, consumer: Consumer) -> bool:
    costs = probed(source, options)
    chosen = pick(_forecast(one, source, consumer) for one in costs.values()).strategy
    took = {name: meet(source, options, name, consumer).seconds for name in costs}
    words = ", ".join(f"{name} {duration(seconds)}" for name, seconds in took.items())
    right = took[chosen] <= min(took.values()) * (1 + _CHOICE)
    rate = consumer.images_per_second
    print(
        f"  at {rate:,.0f} images/s it chooses {chosen}; {EPOCHS} epochs took {words}", flush=True
    )
    return right


def measure(images: int) -> bool:
    """Whether all bars hold, for three data sets of about this many photographs."""
    right = []
    with tempfile.TemporaryDirectory() as folder:
        for name, source in sources(Path(folder), images):
            cache = Path(folder, "cache")
            cache.mkdir(exist_ok=True)
            right.append(compare(name, source, str(cache)))
    return all(right)
