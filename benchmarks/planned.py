"""Whether what the input plan predicts happens: `python -m benchmarks.feed --part plan`.

Consumers that take a fixed time a step, without the processor, at 0.5, 0.9 and 1.5 of the rate
at which a strategy gives images, take a first epoch and later ones from it, on three data sets.
Bars: images a second within 15% and the share of waiting within 3 points; and for consumers at
these parts of streaming's rate, the chosen strategy takes at most 5% longer than the best.
"""

import dataclasses
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
from components.trainer.input.source import Source, cores
from components.trainer.input.threads import giving_way
from components.trainer.input_plan.plan import duration
from components.trainer.input_plan.prediction import Consumer, Costs, Forecast, pick, predict
from components.trainer.input_plan.probe import Probe
from components.trainer.input_plan.speed import at_most
from settings.training_input import InputFunction

BATCH = 64
EPOCHS = 3
PARTS_OF_THE_RATE = (0.5, 0.9, 1.5)
_RATE, _WAIT, _CHOICE = 0.15, 0.03, 0.05
_SECONDS = 2.0  # of later epochs, at least one whole one of them


@dataclasses.dataclass(frozen=True)
class Happened:
    """What a consumer met."""

    first_rate: float
    first_wait: float
    later_rate: float
    later_wait: float
    seconds: float  # of all epochs


def sources(folder: Path, images: int) -> Iterator[tuple[str, Source]]:
    """Photographs of 500x375 as JPEGs, these decoded at 224x224, and many small images."""
    made = photographs.make(folder, images)
    features = (image_feature(photographs.SHAPE), LABEL)
    yield "JPEGs", records.source(made.encoded, features, True)
    yield "decoded photographs", records.source(made.raw, features)
    pixels, labels = larger()
    times = max(1, 8 * images // len(pixels))
    file = written(np.concatenate([pixels] * times), np.tile(labels, times), str(folder))
    yield "noise of 48x48", records.source([file], (image_feature(pixels.shape[1:]), LABEL))


def compare(name: str, source: Source, cache: str) -> bool:
    """Prints a line for each case, and how many hold their bar; returns whether all do."""
    options = FeedOptions(seed=1, cache_dir=cache)
    examples = source.count()
    began = time.perf_counter()
    seconds = InputFunction().probe_seconds
    probe = Probe(source, examples, BATCH, options, seconds, giving_way)
    costs = probe.measure({}).costs
    took = time.perf_counter() - began
    rates = {one.strategy: rate_of(source, options, one.strategy) for one in costs}
    print(f"{name}: {examples:,} images, probed in {took:.1f} s", flush=True)
    held = []
    for one in costs:
        rate = rates[one.strategy]
        off = one.images_per_second / rate - 1
        print(f"  {one.strategy}: {rate:,.0f} images/s at most, predicted {off:+.0%}", flush=True)
        for part in PARTS_OF_THE_RATE:
            consumer = Consumer(BATCH, BATCH / (rate * part))
            held.append(_case(source, options, one, consumer, f"{part:.1f}"))
    print(f"  {sum(held)} of {len(held)} predictions hold")
    chosen = [
        _choice(source, options, costs, Consumer(BATCH, BATCH / (rates["streaming"] * part)))
        for part in PARTS_OF_THE_RATE
    ]
    print(f"  {sum(chosen)} of {len(chosen)} choices are within {_CHOICE:.0%} of the best")
    return all(held) and all(chosen)


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
    began = time.perf_counter()
    made = feed(source, BATCH, training=True, options=options)
    device = StandIn(consumer.step_seconds)
    loaded = time.perf_counter() - began
    batches = giving_way(made.dataset)
    steps = made.steps_per_epoch
    waited = loaded + sum(device.take(batches) for _ in range(steps))
    first = waited + steps * consumer.step_seconds
    count = max(steps, round(_SECONDS / consumer.step_seconds))
    more = sum(device.take(batches) for _ in range(count))
    later = more + count * consumer.step_seconds
    return Happened(
        steps * BATCH / first,
        waited / first,
        count * BATCH / later,
        more / later,
        first + (EPOCHS - 1) * later * steps / count,
    )


def _forget(folder: str) -> None:
    """The first epoch is one that finds nothing below the folder."""
    for file in Path(folder).glob("*/*"):
        file.unlink()


def _forecast(one: Costs, source: Source, consumer: Consumer) -> Forecast:
    return predict(one, consumer, source.count() // BATCH, EPOCHS, cores())


def _case(source: Source, options, one: Costs, consumer: Consumer, part: str) -> bool:
    found = meet(source, options, one.strategy, consumer)
    told = _forecast(one, source, consumer)
    first, later = told.first_epoch, told.later_epochs
    pairs = [
        (first.images_per_second, found.first_rate, first.wait, found.first_wait),
        (later.images_per_second, found.later_rate, later.wait, found.later_wait),
    ]
    right = all(
        abs(rate / real - 1) <= _RATE and abs(wait - waited) <= _WAIT
        for rate, real, wait, waited in pairs
    )
    words = [
        f"{when} {rate:,.0f} for {real:,.0f} images/s, waits {wait:.1%} for {waited:.1%}"
        for when, (rate, real, wait, waited) in zip(("first", "later"), pairs, strict=True)
    ]
    print(f"    at {part}: {'; '.join(words)}: {'holds' if right else 'MISSED'}", flush=True)
    return right


def _choice(source: Source, options, costs: tuple[Costs, ...], consumer: Consumer) -> bool:
    chosen = pick(_forecast(one, source, consumer) for one in costs).strategy
    took = {one.strategy: meet(source, options, one.strategy, consumer).seconds for one in costs}
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
