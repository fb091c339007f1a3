"""From Examples to batches: the fastest way known to feed an image model in TensorFlow.

Pixels stay uint8 until they are on the accelerator, have a fixed size before anything is
kept, and are kept before they are shuffled, so that every epoch has an order of its own.
"""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from components.failure import Failure
from components.trainer import input_memory, input_records
from components.trainer.input_features import LABEL, Feature, image_feature
from components.trainer.input_order import Order


@dataclasses.dataclass(frozen=True)
class Input:
    """A dataset of batches and what is to be known of it.

    Attributes:
      dataset: of (images (batch, height, width, channels) uint8, labels (batch,) int64), or
        of masks (batch, height, width, 1) uint8 in the labels' place.
      strategy: "memory", "disk" or "streaming".
      reason: why this strategy, one sentence for people.
      examples: how many there are.
      steps_per_epoch: batches an epoch.
    """

    dataset: tf.data.Dataset
    strategy: str
    reason: str
    examples: int
    steps_per_epoch: int

    @property
    def element_spec(self) -> tuple[tf.TensorSpec, tf.TensorSpec]:
        return self.dataset.element_spec


def input_function(
    files: Sequence[str],
    image_shape: tuple[int, int, int],
    batch_size: int,
    *,
    training: bool,
    seed: int | None = None,
    target: Feature = LABEL,
    strategy: str = "auto",
    cache_dir: str | None = None,
    repeat: bool | None = None,
    drop_remainder: bool | None = None,
    deterministic: bool | None = None,
    memory_limit_bytes: int | None = None,
    first_step: int = 0,
    worker: int = 0,
    workers: int = 1,
) -> Input:
    """Batches of the transformed Examples in `files`.

    Args:
      files: the TFRecord shards, not compressed.
      image_shape: (height, width, channels) of every image.
      batch_size: examples a batch, over all workers.
      training: shuffled and endless; otherwise in the files' order, each example once.
      seed: of the order; the same seed gives the same batches. None: a new order each time.
      target: what stands beside the image; `Feature("mask", (h, w, 1), "uint8")` for masks.
      strategy: "memory", "disk", "streaming", or "auto" for the best that the machine has
        room for.
      cache_dir: a folder on a local disk for the disk strategy.
      repeat: whether the dataset goes on after an epoch; by default when training.
      drop_remainder: leave out the examples that fill no batch; by default when training.
      deterministic: keep the order though a later batch is ready first; by default with a seed.
      memory_limit_bytes: what the memory strategy may take, instead of what is free.
      first_step: how many batches of the first epochs to pass over, when a training resumes.
      worker: which of `workers` this process is; each gets its share of every batch.
      workers: processes that train together.

    Raises:
      Failure: no Examples, other features or sizes than asked for, a corrupt file.
    """
    features = (image_feature(image_shape), target)
    arrays = input_memory.load(input_records.batches(files, features), files, features)
    examples = len(arrays[0])
    order = Order(
        examples=examples,
        batch_size=batch_size,
        shuffle=training,
        seed=seed,
        repeat=training if repeat is None else repeat,
        drop_remainder=training if drop_remainder is None else drop_remainder,
        first_step=first_step,
        worker=worker,
        workers=workers,
    )
    if not order.steps_per_epoch:
        raise Failure(
            f"The batch size {batch_size} is above the {examples} examples there are. "
            f"Set it to {examples} or less."
        )
    return Input(
        dataset=input_memory.dataset(arrays, features, order),
        strategy="memory",
        reason=f"{examples} decoded examples are kept in memory.",
        examples=examples,
        steps_per_epoch=order.steps_per_epoch,
    )
