"""From Examples to batches: the fastest way known to feed an image model in TensorFlow.

Pixels stay uint8 until they are on the accelerator, have a fixed size before anything is
kept, and are kept before they are shuffled, so that every epoch has an order of its own.
"""

import dataclasses
import functools
import random
from collections.abc import Callable, Sequence

import tensorflow as tf

from components.trainer.input import (
    disk,
    memory,
    records,
    streaming,
    tfds,
)
from components.trainer.input.features import LABEL, Feature, image_feature
from components.trainer.input.load_times import LoadTimes
from components.trainer.input.order import Order
from components.trainer.input.source import Source, tf_data_options
from components.trainer.input.strategy import choose
from failures import Failure

_READY_BYTES = 256 << 20  # batches made ahead, so that one slow read is not felt
_READY_BATCHES = (2, 16)


@dataclasses.dataclass(frozen=True)
class Input:
    """A dataset of batches and what is to be known of it.

    Attributes:
      dataset: of (images (batch, height, width, channels) uint8, labels (batch,) int64), or
        of masks (batch, height, width, 1) uint8 in the labels' place.
      strategy: "memory", "disk" or "streaming".
      reason: why this strategy, half a sentence for people.
      examples: how many there are.
      steps_per_epoch: batches an epoch.
      source: where the examples come from; `source.explain(error)` says which file an error
        met in iteration is about.
      load_times: when each batch was loaded; None where that was not asked for.
    """

    dataset: tf.data.Dataset
    strategy: str
    reason: str
    examples: int
    steps_per_epoch: int
    source: Source = dataclasses.field(repr=False)
    load_times: LoadTimes | None = dataclasses.field(default=None, repr=False)

    @property
    def element_spec(self) -> tuple[tf.TensorSpec, tf.TensorSpec]:
        return self.dataset.element_spec


def input_function(
    files: Sequence[str],
    image_shape: tuple[int, int, int],
    batch_size: int,
    *,
    training: bool,
    target: Feature = LABEL,
    encoded: bool = False,
    **arguments,
) -> Input:
    """Batches of the Examples in `files`: Transform's, or ExampleGen's with `encoded`.

    Args:
      files: the TFRecord shards, not compressed.
      image_shape: (height, width, channels) of every image, or that it is brought to.
      batch_size: examples a batch, over all workers.
      training: shuffled and endless, in whole batches; otherwise each example once.
      target: what stands beside the image; `Feature("mask", (h, w, 1), "uint8")` for masks.
      encoded: whether the Examples hold JPEGs or PNGs instead of raw pixels of that shape.
      **arguments: those of `feed`.

    Raises:
      Failure: no Examples, other features or sizes than asked for, a damaged file.
    """
    features = (image_feature(image_shape), target)
    source = records.source(files, features, encoded)
    return feed(source, batch_size, training=training, **arguments)


def from_tfds(
    name: str,
    split: str,
    image_shape: tuple[int, int, int],
    batch_size: int,
    *,
    training: bool,
    image: str = "image",
    target: Feature = LABEL,
    data_dir: str | None = None,
    download: bool = False,
    **arguments,
) -> Input:
    """Batches of a TFDS dataset, its images decoded and resized to `image_shape`.

    Args:
      name: `name`, `name/config`, `name:version` or `name/config:version`.
      split: a TFDS split expression, as in "train[:90%]".
      image_shape: (height, width, channels) that every image is brought to.
      batch_size: examples a batch, over all workers.
      training: shuffled and endless, in whole batches; otherwise each example once.
      image: the image feature's name.
      target: what stands beside the image; `Feature("segmentation_mask", (h, w, 1), "uint8")`
        for masks.
      data_dir: where TFDS keeps its datasets; by default TFDS's own place.
      download: whether a dataset that is not prepared may be downloaded.
      **arguments: those of `feed`.

    Raises:
      Failure: no such dataset, split or feature, or an image that cannot be decoded.
    """
    source = tfds.source(name, split, image_feature(image_shape, image), target, data_dir, download)
    return feed(source, batch_size, training=training, **arguments)


def feed(
    source: Source,
    batch_size: int,
    *,
    training: bool,
    seed: int | None = None,
    strategy: str = "auto",
    cache_dir: str | None = None,
    memory_limit_bytes: int | None = None,
    repeat: bool | None = None,
    drop_remainder: bool | None = None,
    deterministic: bool | None = None,
    first_step: int = 0,
    worker: int = 0,
    workers: int = 1,
    workers_here: int = 1,
    agree: Callable[[str, str], tuple[str, str]] | None = None,
    timed: bool = False,
) -> Input:
    """Batches of a source by the best strategy.

    Args:
      source: the examples.
      batch_size: examples a batch, over all workers.
      training: shuffled and endless, in whole batches; otherwise each example once.
      seed: of the order; the same seed gives the same batches. None: a new order each time.
      strategy: "memory", "disk", "streaming", or "auto" for the first of them that the data
        and the machine allow.
      cache_dir: a folder on a local disk for the disk strategy.
      memory_limit_bytes: what the memory strategy may take; by default half of what is free.
      repeat: whether the dataset goes on after an epoch; by default when training.
      drop_remainder: leave out the examples that fill no batch; by default when training.
      deterministic: keep the order though a later batch is ready first; by default with a seed.
      first_step: how many batches to pass over, when a training resumes.
      worker: which of `workers` this process is; each gets its share of every batch.
      workers: processes that train together, with the same seed.
      workers_here: how many of them share this machine's memory.
      agree: this worker's (strategy, reason) -> those of all workers; None: each has its own,
        which must then be the same, as each strategy has another order.
      timed: note in `load_times` when each batch is loaded; the batches are the same.

    Raises:
      Failure: a value out of range, no examples, too few for one batch, a damaged file.
    """
    _check(batch_size, first_step, worker, workers)
    if workers > 1 and training and (seed is None or deterministic is False):
        raise Failure(
            "Workers without a common order read some examples twice and others never. "
            "Give all workers the same seed, and leave deterministic as it is."
        )
    strategy, reason = choose(
        strategy,
        source.at_most * source.row_bytes,
        cache_dir,
        memory_limit_bytes,
        functools.partial(disk.bytes_to_write, source, cache_dir),
        workers_here,
    )
    if agree:
        strategy, reason = agree(strategy, reason)
    match strategy:
        case "memory":
            arrays = memory.load(source)
            examples = len(arrays[0])
        case "disk":
            source = disk.cached(source, cache_dir)
            examples = source.count()
        case _:
            examples = source.count()
    drop_remainder = training if drop_remainder is None else drop_remainder
    _check_examples(source, examples, batch_size, drop_remainder)
    order = Order(
        examples=examples,
        batch_size=batch_size,
        shuffle=training,
        seed=random.SystemRandom().getrandbits(31) if seed is None else seed,
        repeat=training if repeat is None else repeat,
        drop_remainder=drop_remainder,
        deterministic=(seed is not None) if deterministic is None else deterministic,
        first_step=first_step,
        worker=worker,
        workers=workers,
    )
    load_times = LoadTimes(first_step) if timed else None
    if strategy == "memory":
        batches = memory.batches(arrays, source.features, order, load_times)
    else:
        batches = streaming.batches(source, order, load_times)
    dataset = batches.prefetch(_ready(batch_size * source.row_bytes))
    options = tf_data_options(order.deterministic or not training)
    return Input(
        dataset=dataset.with_options(options),
        strategy=strategy,
        reason=reason,
        examples=examples,
        steps_per_epoch=order.steps_per_epoch,
        source=source,
        load_times=load_times,
    )


def _check(batch_size: int, first_step: int, worker: int, workers: int) -> None:
    if batch_size < 1:
        raise Failure(f"The batch size is {batch_size}. Set it to 1 or more.")
    if first_step < 0:
        raise Failure(f"The first step is {first_step}. Set it to 0 or more.")
    if not 0 <= worker < workers or batch_size % workers:
        raise Failure(
            f"Worker {worker} of {workers} cannot take its share of a batch of {batch_size}. "
            "Number the workers from 0, and make the batch size a multiple of their number."
        )


def _check_examples(source: Source, examples: int, batch_size: int, drop_remainder: bool) -> None:
    if not examples:
        raise Failure(f"{source.name} holds no examples. Check the split it was made from.")
    if drop_remainder and examples < batch_size:
        raise Failure(
            f"The batch size {batch_size} is above the {examples} examples of {source.name}. "
            f"Set it to {examples} or less."
        )


def _ready(batch_bytes: int) -> int:
    fewest, most = _READY_BATCHES
    return min(most, max(fewest, _READY_BYTES // batch_bytes))
