"""Where examples come from, and how they become rows of a fixed size."""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from typing import BinaryIO

import tensorflow as tf

from components.trainer.input.features import Feature
from components.transform.encoding import FixedExample
from failures import Failure

_CHUNK_BYTES = 4 << 20  # decoded at once: large enough to hide a call's cost, small enough to keep
_CHUNK_EXAMPLES = 4096

# AutoGraph would take ten times as long to read these functions as TensorFlow to trace them.
traced = tf.autograph.experimental.do_not_convert

# A dataset of what batches are made of, in their order, and the function that makes a batch,
# (batch, *shape) a feature, of an element's components.
Loading = tuple[tf.data.Dataset, Callable[..., tuple[tf.Tensor, ...]]]


@dataclasses.dataclass(frozen=True)
class Source:
    """Examples as they are in files."""

    name: str  # for messages to people
    identity: str  # changes whenever the files do
    features: tuple[Feature, ...]  # what a decoded example holds
    # Maps None to a dataset of undecoded examples in a fixed order; an epoch's seed, (2,) int64,
    # to one read from the files in an order that the seed gives.
    elements: Callable[[tf.Tensor | None], tf.data.Dataset]
    # Maps a batch of elements to one tensor a feature, (batch, *row_shape).
    decode: Callable[..., tuple[tf.Tensor, ...]]
    at_most: int  # an upper bound of the number of examples, known without reading them
    count: Callable[[], int]  # the number of examples
    explain: Callable[[tf.errors.OpError], Failure]  # says what is wrong with which file
    in_place: Sequence[str] = ()  # local files that hold these examples in `form`, and no others
    parts: Sequence[int] = ()  # examples of each file of which that one file is a copy
    lock: BinaryIO | None = None  # keeps the files from being removed while the source lives

    @functools.cached_property
    def form(self) -> FixedExample:
        """Examples of these features as Transform writes them."""
        forms = {f.name: f.row_bytes if f.dtype == "uint8" else f.dtype for f in self.features}
        return FixedExample(forms)

    @property
    def row_bytes(self) -> int:
        """The decoded size of one example, in bytes."""
        return sum(feature.row_bytes for feature in self.features)

    @property
    def chunk(self) -> int:
        """How many examples are quickly decoded at once."""
        return max(1, min(_CHUNK_EXAMPLES, _CHUNK_BYTES // self.row_bytes))

    def part(self, count: int) -> "Source":
        """At most the first `count` examples, as a source of its own."""
        return dataclasses.replace(
            self,
            identity=f"{self.identity}, {count} of them",
            elements=lambda *seed: self.elements(*seed).take(count),
            at_most=min(count, self.at_most),
            count=lambda: min(count, self.count()),
            in_place=(),
            parts=(),
            lock=None,
        )

    def chunks(self, size: int | None = None) -> tf.data.Dataset:
        """All examples once, decoded, `size` or `chunk` at a time, always in the same order."""
        chunks = self.elements(None).batch(size or self.chunk)
        chunks = chunks.map(traced(self.decode), cores())
        return chunks.prefetch(2).with_options(tf_data_options(deterministic=True))


def tf_data_options(deterministic: bool) -> tf.data.Options:
    """How tf.data runs every pipeline of this package."""
    chosen = tf.data.Options()
    chosen.deterministic = deterministic
    # All parallelism and every buffer is set where it is used; tuning would only disturb it.
    chosen.autotune.enabled = False
    # Rewriting gains nothing here and takes 0.3 s at a process's first dataset.
    chosen.experimental_optimization.apply_default_optimizations = False
    # One core a call, as many calls as cores: splitting small ops costs more than it gives.
    chosen.threading.max_intra_op_parallelism = 1
    # Threads of its own, so that `threads` can tell them from those that compute.
    chosen.threading.private_threadpool_size = cores()
    # Every worker takes its share of each batch by itself (`Order.worker`).
    chosen.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return chosen


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
