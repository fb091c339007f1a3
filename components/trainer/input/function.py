"""From Examples to batches: the fastest way known to feed an image model in TensorFlow.

Pixels stay uint8 until they are on the accelerator, have a fixed size before anything is
kept, and are kept before they are shuffled, so that every epoch has an order of its own.
"""

import dataclasses
import functools
import random
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from components.free_memory import free_memory
from components.trainer.input import (
    compressed,
    data_service,
    disk,
    memory,
    records,
    scattered,
    streaming,
    tfds,
)
from components.trainer.input.balance import Balance
from components.trainer.input.crop import RandomCrop
from components.trainer.input.epochs import Epochs
from components.trainer.input.features import LABEL, Feature, features_of, image_feature
from components.trainer.input.load_times import LoadTimes
from components.trainer.input.options import DEFAULTS, DataService, FeedOptions
from components.trainer.input.order import Order
from components.trainer.input.source import Source, tf_data_options
from components.trainer.input.strategy import choose
from components.usable_cores import usable_cores
from failures import Failure

_READY_BYTES = 256 << 20  # batches made ahead, so that one slow read is not noticed
_READY_BATCHES = (2, 16)
_MOST_COPIES = 16
_HELD_SHARE = 0.25  # of the free memory


@dataclasses.dataclass(frozen=True)
class Input:
    """A dataset of batches and what is known about it.

    Its elements are images (batch, height, width, channels) uint8 and labels (batch,) int64, or
    masks (batch, height, width, 1) uint8 in place of the labels, and weights (batch,) float32 if
    asked for. An error in iteration is explained, with the file that it is about, by
    `source.explain(error)`.
    """

    dataset: tf.data.Dataset
    strategy: str  # "memory", "disk", "compressed" or "streaming"
    reason: str  # why this strategy, half a sentence for people
    order: Order = dataclasses.field(repr=False)  # which example comes when
    source: Source = dataclasses.field(repr=False)
    load_times: LoadTimes | None = dataclasses.field(default=None, repr=False)  # if asked for
    service: DataService | None = None  # what decodes in place of this machine
    asked_for: bool = False  # whether the caller named the strategy

    @property
    def examples(self) -> int:
        return self.order.examples

    @property
    def steps_per_epoch(self) -> int:
        return self.order.steps_per_epoch

    @property
    def decoded_bytes(self) -> int:
        """What decoded examples take of memory for as long as this lives."""
        return self.examples * self.source.row_bytes if self.strategy == "memory" else 0

    @property
    def element_spec(self) -> tuple[tf.TensorSpec, ...]:
        return self.dataset.element_spec


def input_function(
    files: Sequence[str],
    image_shape: tuple[int, int, int],
    batch_size: int,
    *,
    training: bool,
    target: Feature = LABEL,
    weight: str | None = None,
    encoded: bool = False,
    exif_orientation: bool = True,
    series: str | None = None,
    options: FeedOptions = DEFAULTS,
) -> Input:
    """Batches of the Examples in `files`: Transform's, or ExampleGen's with `encoded`.

    Args:
      files: the TFRecord shards, not compressed.
      image_shape: (height, width, channels) of every image, or to resize each to.
      batch_size: examples a batch, over all workers.
      training: shuffled and endless, in whole batches; otherwise each example once.
      target: what accompanies the image; `Feature("mask", (h, w, 1), "uint8")` for masks.
      weight: the feature of what each example weighs, a float; None for none.
      encoded: whether the Examples hold encoded images instead of raw pixels of that shape.
      exif_orientation: whether encoded images are turned as their EXIF orientation says.
      series: what the files are of, where each run makes others: once nothing reads the disk
        strategy's copy of older ones, that of newer ones takes its place.
      options: how they are fed.

    Raises:
      Failure: no Examples, other features or sizes than asked for, a damaged file.
    """
    image = image_feature(image_shape, exif_orientation=exif_orientation)
    source = records.source(files, features_of(image, target, weight), encoded, series)
    return feed(source, batch_size, training=training, options=options)


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
    exif_orientation: bool = True,
    options: FeedOptions = DEFAULTS,
) -> Input:
    """Batches of a TFDS dataset, its images decoded and resized to `image_shape`.

    Args:
      name: `name`, `name/config`, `name:version` or `name/config:version`.
      split: a TFDS split expression, as in "train[:90%]".
      image_shape, batch_size, training, options: as for `input_function`.
      image: the image feature's name.
      target: what accompanies the image; `Feature("segmentation_mask", (h, w, 1), "uint8")`
        for masks.
      data_dir: where TFDS keeps its datasets; by default TFDS's own place.
      download: whether a dataset that is not prepared may be downloaded.
      exif_orientation: whether images are turned as their EXIF orientation says.

    Raises:
      Failure: no such dataset, split or feature, or an image that cannot be decoded.
    """
    image = image_feature(image_shape, image, exif_orientation)
    source = tfds.source(name, split, image, target, data_dir, download)
    return feed(source, batch_size, training=training, options=options)


def feed(
    source: Source, batch_size: int, *, training: bool, options: FeedOptions = DEFAULTS
) -> Input:
    """Batches of a source by the best strategy; arguments as for `input_function`.

    Raises:
      Failure: a value out of range, no examples, too few for one batch, a damaged file.
    """
    options.check(batch_size, training)
    balanced = options.balanced and training
    if balanced and source.features[1].dtype != "int64":
        raise Failure("Balanced sampling needs one label for each example. Leave it out for masks.")
    crop, service = (options.crop, options.service) if training else (None, None)
    strategy, reason = _strategy(source, options, balanced, crop, service)
    if strategy == "disk":
        source = disk.stored(source, options.cache_dir)
    order = _order(source, batch_size, training, options)
    _check_examples(source, order)
    kept = {"memory": memory, "compressed": compressed}.get(strategy)
    store = kept and kept.load(source)
    # Drawn for whole batches: what was left out of more would be missing from some class.
    balance = balanced and _balance(source, strategy, reason, store, order.positions)
    epochs = Epochs(
        order,
        repeat=_given(options.repeat, training),
        first_step=options.first_step,
        worker=options.workers.rank,
        workers=options.workers.count,
        balanced=balance.numbers if balance else None,
    )
    if service:
        elements, load = data_service.batches(source, epochs, service), _as_it_is
    elif kept:
        elements, load = kept.batches(store, source.features, epochs)
    elif strategy == "streaming":
        elements, load = streaming.batches(source, epochs, crop)
    else:
        elements, load = (scattered if balanced else disk).batches(source, epochs)
    calls = batches_at_once(
        strategy, max(1, batch_size // options.workers.count) * source.row_bytes
    )
    load_times = LoadTimes(options.first_step) if options.timed and not service else None
    mapped = load_times.loaded if load_times else tf.data.Dataset.map
    batches = mapped(elements, load, calls)
    dataset = batches.prefetch(_ready(batch_size * source.row_bytes))
    deterministic = _given(options.deterministic, options.seed is not None)
    return Input(
        dataset=dataset.with_options(tf_data_options(deterministic or not training)),
        strategy=strategy,
        reason=reason,
        order=order,
        source=source,
        load_times=load_times,
        service=service,
        asked_for=options.strategy != "auto",
    )


def _strategy(
    source: Source,
    options: FeedOptions,
    balanced: bool,
    crop: RandomCrop | None,
    service: DataService | None,
) -> tuple[str, str]:
    """The strategy and the reason for it."""
    if service:
        return "streaming", f"the data service at {service.address} reads and decodes"
    if crop and not source.decode_crops:
        raise Failure(
            f"Random crops need encoded images with labels, and {source.name} has decoded ones, or "
            "masks. Leave crop out: a model can crop decoded images itself."
        )
    if crop:
        return "streaming", "random crops are decoded anew in every epoch"
    strategy, reason = choose(
        options.strategy,
        source.at_most * source.row_bytes,
        options.cache_dir,
        options.memory_limit_bytes,
        functools.partial(disk.bytes_to_write, source, options.cache_dir),
        options.workers.here,
    )
    # What is predicted may be streaming, which cannot be balanced.
    if options.plan and options.strategy == "auto" and not balanced:
        return options.plan(source, strategy, reason)
    return strategy, reason


def _order(source: Source, batch_size: int, training: bool, options: FeedOptions) -> Order:
    seed = options.seed
    return Order(
        parts=tuple(source.parts()),
        row_bytes=source.held_bytes,
        batch_size=batch_size,
        shuffle=training,
        seed=random.SystemRandom().getrandbits(31) if seed is None else seed,
        drop_remainder=_given(options.drop_remainder, training),
    )


def _balance(source: Source, strategy: str, reason: str, store: Any, total: int) -> Balance:
    if strategy == "streaming":
        raise Failure(
            f"Balanced sampling takes examples in any order, and streaming ({reason}) has "
            "them in one. Set the input strategy to memory or disk, or free the memory."
        )
    if strategy == "compressed":
        labels = compressed.numbers_of(store)[0]
    else:
        labels = store[1].numpy() if store else scattered.labels(source)
    if labels.max() < 0:
        raise Failure(f"{source.name} has no example of any class. Run the Transform again.")
    return Balance(labels, total)


def _as_it_is(*batch: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return batch


def _given(value: bool | None, otherwise: bool) -> bool:
    return otherwise if value is None else value


def _check_examples(source: Source, order: Order) -> None:
    if not order.examples:
        raise Failure(f"{source.name} has no examples. Check the split it was made from.")
    if order.drop_remainder and order.examples < order.batch_size:
        raise Failure(
            f"The batch size {order.batch_size} is above the {order.examples} examples of "
            f"{source.name}. Set it to {order.examples} or less."
        )


def batches_at_once(strategy: str, batch_bytes: int) -> int:
    """How many calls make batches at a time; each holds its batch until its turn comes."""
    cores = usable_cores()
    # Where a batch takes half a millisecond, more calls than cores let no core wait for work. A
    # copy needs no more of them than what moves the memory's bytes.
    calls = {"memory": min(2 * cores, 2 * _MOST_COPIES), "disk": min(cores, _MOST_COPIES)}
    return min(calls.get(strategy, cores), max(2, int(_HELD_SHARE * free_memory()) // batch_bytes))


def _ready(batch_bytes: int) -> int:
    fewest, most = _READY_BATCHES
    return min(most, max(fewest, _READY_BYTES // batch_bytes))
