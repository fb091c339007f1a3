"""How examples become batches: what every door of the input function takes."""

import dataclasses
from collections.abc import Callable

from failures import Failure


@dataclasses.dataclass(frozen=True)
class Workers:
    """The processes that train together; each takes its share of every batch.

    Attributes:
      rank: which of them this process is, from 0.
      count: how many there are.
      here: how many of them share this machine's memory.
      agree: this worker's (strategy, reason) -> those of all workers. None: each has its own
        strategy, which must then be the same, because each strategy has another order.
    """

    rank: int = 0
    count: int = 1
    here: int = 1
    agree: Callable[[str, str], tuple[str, str]] | None = None


@dataclasses.dataclass(frozen=True)
class FeedOptions:
    """How a source is fed; all of it has a default.

    Attributes:
      seed: of the order; the same seed gives the same batches. None: a new order each time.
      strategy: "memory", "disk", "streaming", or "auto" for the first of them that the data
        and the machine allow.
      cache_dir: a folder on a local disk for the disk strategy.
      memory_limit_bytes: what the memory strategy may take; None: half of what is free.
      repeat: whether the dataset continues after an epoch; None: only for training.
      drop_remainder: leave out the examples that fill no batch; None: only for training.
      deterministic: keep the order even if a later batch is ready first; None: with a seed.
      first_step: batches to skip, to resume a training.
      workers: the processes that train together.
      timed: record in `Input.load_times` when each batch is loaded; the batches are the same.
    """

    seed: int | None = None
    strategy: str = "auto"
    cache_dir: str | None = None
    memory_limit_bytes: int | None = None
    repeat: bool | None = None
    drop_remainder: bool | None = None
    deterministic: bool | None = None
    first_step: int = 0
    workers: Workers = Workers()
    timed: bool = False

    def check(self, batch_size: int, training: bool) -> None:
        """Raises a Failure for a value out of range."""
        rank, count = self.workers.rank, self.workers.count
        if batch_size < 1:
            raise Failure(f"The batch size is {batch_size}. Set it to 1 or more.")
        if self.first_step < 0:
            raise Failure(f"The first step is {self.first_step}. Set it to 0 or more.")
        if not 0 <= rank < count or batch_size % count:
            raise Failure(
                f"Worker {rank} of {count} cannot take its share of a batch of {batch_size}. "
                "Number the workers from 0, and make the batch size a multiple of their number."
            )
        if count > 1 and training and (self.seed is None or self.deterministic is False):
            raise Failure(
                "Workers without a common order read some examples twice and others never. "
                "Give all workers the same seed, and leave deterministic unset."
            )


DEFAULTS = FeedOptions()
