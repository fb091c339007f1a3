"""Where examples come from, and how they become rows of a fixed size."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np
import tensorflow as tf

from components.trainer.input.features import Feature, fixed_example
from components.transform.encoding import FixedExample
from components.usable_cores import usable_cores
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
    series: str  # what the files are of; newer ones of the same take the place of these
    identity: str  # changes whenever the files do
    features: tuple[Feature, ...]  # what a decoded example holds
    elements: Callable[[], tf.data.Dataset]  # all undecoded examples, file after file
    # Maps a part's number, an example's number in it and how many, all () int64, to a dataset of
    # these undecoded examples.
    read: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.data.Dataset]
    # Maps a batch of elements to one tensor a feature, (batch, *row_shape).
    decode: Callable[..., tuple[tf.Tensor, ...]]
    # As `decode`, of a window of each image that a RandomCrop, the first argument, finds by the
    # second, (batch, DRAWS) float32; None where images are stored decoded or have masks.
    decode_crops: Callable[..., tuple[tf.Tensor, ...]] | None
    at_most: int  # an upper bound of the number of examples, known without reading them
    parts: Callable[[], Sequence[int]]  # the number of examples of each part, which is a file
    explain: Callable[[tf.errors.OpError], Failure]  # says what is wrong with which file
    # Of each part a local file that holds it in `form`, and the part's first record there.
    # The mean size of an undecoded example; 0 where it is that of a decoded one.
    stored_bytes: int = 0
    in_place: Sequence[tuple[str, int]] = ()
    lock: BinaryIO | None = None  # keeps the files from being removed while the source lives

    @functools.cached_property
    def form(self) -> FixedExample:
        """Examples of these features as Transform writes them."""
        return fixed_example(self.features)

    @property
    def row_bytes(self) -> int:
        """The decoded size of one example, in bytes."""
        return sum(feature.row_bytes for feature in self.features)

    @property
    def held_bytes(self) -> int:
        """What an example takes of memory on its way, before or after decoding."""
        return max(self.row_bytes, self.stored_bytes)

    @property
    def chunk(self) -> int:
        """How many examples are quickly decoded at once."""
        return chunk_of(self.held_bytes)

    def part(self, count: int) -> "Source":
        """At most the first `count` examples, as a source of its own."""
        return dataclasses.replace(
            self,
            identity=f"{self.identity}, {count} of them",
            elements=lambda: self.elements().take(count),
            at_most=min(count, self.at_most),
            parts=lambda: np.diff(np.minimum(np.cumsum([0, *self.parts()]), count)).tolist(),
            in_place=(),
            lock=None,
        )

    def count(self) -> int:
        """The number of examples."""
        return sum(self.parts())

    def chunks(self, change: Callable = lambda *rows: rows) -> tf.data.Dataset:
        """All examples once, decoded, `chunk` at a time, always in the same order.

        Args:
          change: of decoded ones; it runs beside the decoding.
        """

        @traced
        def decode(*elements):
            return change(*self.decode(*elements))

        chunks = self.elements().batch(self.chunk).map(decode, usable_cores())
        return chunks.prefetch(2).with_options(tf_data_options(deterministic=True))


def chunk_of(example_bytes: int) -> int:
    """How many examples that take so many bytes are quickly decoded at once."""
    return max(1, min(_CHUNK_EXAMPLES, _CHUNK_BYTES // example_bytes))


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
    chosen.threading.private_threadpool_size = usable_cores()
    # Every worker takes its share of each batch by itself (`Epochs.worker`).
    chosen.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return chosen
