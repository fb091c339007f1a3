"""Whether this machine feeds an accelerator that is not here, on the user's own data."""

import dataclasses
import functools
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from components.tasks.training import training_of
from components.trainer.certification.accelerators import Accelerator
from components.trainer.certification.emulation import waits
from components.trainer.input import compressed, disk, records
from components.trainer.input.features import features_of, image_feature
from components.trainer.input.function import Input, feed
from components.trainer.input.options import FeedOptions
from components.trainer.input.source import Source
from components.trainer.input.strategy import beyond_memory, refusals
from components.trainer.input.threads import giving_way
from components.trainer.input_plan.speed import at_most
from failures import Failure
from files import tfrecords

_WARM_SECONDS = 10.0  # after which an epoch counts as seen


@dataclasses.dataclass(frozen=True)
class Fed:
    """How one strategy feeds the accelerator."""

    strategy: str
    load_seconds: float  # before the first batch
    images_per_second: float  # at most, with nothing to wait for
    images_per_core_second: float
    utilisation: float  # of the accelerator, 0..1
    wait_p50: float  # seconds before a step
    wait_p99: float
    wait_longest: float
    accelerators: int  # how many this machine feeds so well that each reaches what is enough
    cores: float  # what one of them needs at full utilisation
    enough: bool


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A strategy that may feed the accelerator."""

    strategy: str
    build: Callable[[], Input]
    refused: str | None  # why the data or the machine do not allow it, half a sentence


def inputs(
    configuration,
    files: Sequence[str],
    strategies: Sequence[str] = ("memory", "disk", "compressed", "streaming"),
) -> Iterator[Candidate]:
    """The training's input from Transform's `files`, by each strategy.

    Args:
      configuration: a whole one; it says the image's shape, the target, the batch and the seed.

    Raises:
      Failure: the files have no examples, or others than the configuration says.
    """
    shape = configuration.preprocessing.shape
    wanted = configuration.data.features
    target = training_of(wanted.task).feature(shape, _classes(files))
    features = features_of(image_feature(shape), target, wanted.weight)
    given = configuration.training.input
    cache_dir = given.cache_dir or os.path.join(configuration.root, "input_cache")
    source = records.source(files, features)
    refused = _refused(source, cache_dir, given.memory_limit_bytes)
    for strategy in strategies:
        options = FeedOptions(seed=configuration.seed, strategy=strategy, cache_dir=cache_dir)
        build = functools.partial(
            feed, source, configuration.training.batch_size, training=True, options=options
        )
        yield Candidate(strategy, build, refused.get(strategy))


def _refused(source: Source, cache_dir: str, memory_limit_bytes: int | None) -> dict[str, str]:
    """Why strategies are not possible, before any of them has taken memory; half sentences."""
    decoded, to_write = source.at_most * source.row_bytes, disk.bytes_to_write(source, cache_dir)
    found = refusals(decoded, cache_dir, memory_limit_bytes, to_write)
    if reason := compressed.refusal(source) or beyond_memory(
        compressed.expected_bytes(source), memory_limit_bytes
    ):
        found["compressed"] = reason
    return found


def _classes(files: Sequence[str]) -> int:
    """Of how many classes an example's labels are; 0 where it has one label or a mask."""
    records = itertools.chain.from_iterable(map(tfrecords.records, files))
    first = next(records, None)
    if first is None:
        raise Failure(
            f"The train split in {os.path.dirname(files[0])} has no examples to feed from. "
            "Check the splits in the configuration's data section and run the pipeline again."
        )
    features = tf.train.Example.FromString(first).features.feature
    return len(features["labels"].bytes_list.value[0]) if "labels" in features else 0


def certify(
    build: Callable[[], Input], accelerator: Accelerator, batch_size: int, seconds: float = 2.0
) -> Fed:
    """Feeds the accelerator's stand-in with the batches of `build`.

    Args:
      build: the training's input, endless and in batches of `batch_size`.
      accelerator: takes its published time for its published number of images, and so in
        proportion for this batch.
      seconds: about how long each measurement takes, of which there are five.
    """
    began = time.perf_counter()
    source = build()
    batches = giving_way(source.dataset)
    next(batches)
    loaded = time.perf_counter() - began
    _warm_up(batches, source.steps_per_epoch)
    alone = at_most(batches, batch_size, seconds)
    step = accelerator.seconds * batch_size / accelerator.images
    waited = waits(batches, step, seconds)
    needed = accelerator.images_per_second
    return Fed(
        strategy=source.strategy,
        load_seconds=loaded,
        images_per_second=alone.images_per_second,
        images_per_core_second=alone.images_per_core_second,
        utilisation=1 - waited.share,
        wait_p50=waited.p50,
        wait_p99=waited.p99,
        wait_longest=waited.longest,
        accelerators=math.floor(alone.images_per_second / (needed * accelerator.enough)),
        cores=needed * alone.core_seconds,
        enough=1 - waited.share >= accelerator.enough,
    )


def _warm_up(batches: Iterator, steps: int) -> None:
    began = time.perf_counter()
    for _ in range(steps):
        next(batches)
        if time.perf_counter() - began > _WARM_SECONDS:
            return
