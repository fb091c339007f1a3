"""How examples become batches: what every door of the input function takes."""

import dataclasses
from collections.abc import Callable
from typing import Any

from components.trainer.input.crop import RandomCrop
from failures import Failure


@dataclasses.dataclass(frozen=True)
class Workers:
    """The processes that train together; each takes its share of every batch."""

    rank: int = 0  # which of them this process is, from 0
    count: int = 1
    here: int = 1  # how many of them share this machine's memory


@dataclasses.dataclass(frozen=True)
class DataService:
    """A tf.data service whose workers read and decode in place of this machine."""

    address: str  # of its dispatcher, as in "grpc://localhost:5050"
    timeout_seconds: float = 300.0  # the longest that one batch may take


@dataclasses.dataclass(frozen=True)
class FeedOptions:
    """How a source is fed; all of it has a default."""

    seed: int | None = None  # the same one gives the same batches; None: a new order each time
    # "memory", "disk", "compressed", "streaming", or "auto": the first that the data and the
    # machine allow, but for "compressed", which only a `plan` chooses.
    strategy: str = "auto"
    cache_dir: str | None = None  # a folder on a local disk for the disk strategy
    memory_limit_bytes: int | None = None  # for the memory strategy; None: half of what is free
    repeat: bool | None = None  # go on after an epoch; None: only for training
    drop_remainder: bool | None = None  # leave out what fills no batch; None: only for training
    deterministic: bool | None = None  # a later batch never comes first; None: with a seed
    # Every class comes equally often in training: of a rare one, each example many times.
    balanced: bool = False
    # A window of each training image, another one each time; of encoded images, by streaming.
    crop: RandomCrop | None = None
    first_step: int = 0  # batches to skip, to resume a training
    workers: Workers = Workers()
    # With "auto": maps a source, and the (strategy, reason) that its size gives, to those to use.
    plan: Callable[[Any, str, str], tuple[str, str]] | None = None
    # Streams the batches of a training in any order, and without those of workers that are lost.
    service: DataService | None = None
    timed: bool = False  # record in `Input.load_times` when each batch is loaded

    def check(self, batch_size: int, training: bool) -> None:
        """Raises a Failure for a value out of range."""
        rank, count = self.workers.rank, self.workers.count
        if self.crop:
            self._check_crop()
        if batch_size < 1:
            raise Failure(f"The batch size is {batch_size}. Set it to 1 or more.")
        if self.first_step < 0:
            raise Failure(f"The first step is {self.first_step}. Set it to 0 or more.")
        if not 0 <= rank < count or batch_size % count:
            raise Failure(
                f"Worker {rank} of {count} cannot take its share of a batch of {batch_size}. "
                "Number the workers from 0, and make the batch size a multiple of their number."
            )
        if self.service and training:
            self._check_service()
        if count > 1 and training and (self.seed is None or self.deterministic is False):
            raise Failure(
                "Workers without a common order read some examples twice and others never. "
                "Give all workers the same seed, and leave deterministic unset."
            )

    def _check_service(self) -> None:
        if self.workers.count > 1 or self.balanced or self.deterministic or self.crop:
            raise Failure(
                "A data service gives its batches in any order, each to one process. Leave it out "
                "for several workers, balanced sampling, random crops and deterministic trainings."
            )

    def _check_crop(self) -> None:
        self.crop.check()
        if self.strategy not in ("auto", "streaming") or self.balanced:
            given = "balanced sampling" if self.balanced else self.strategy
            raise Failure(
                "Random crops are decoded anew in every epoch, which goes with streaming, not "
                f"with {given}. Set the strategy to streaming, or leave crop out."
            )


DEFAULTS = FeedOptions()
