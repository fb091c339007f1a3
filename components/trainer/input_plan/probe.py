"""Measures on some of the examples what each input strategy would cost for all of them.

Every strategy runs as it would in the training, by the same input function, so nothing about
it is written down twice: memory and disk on the first examples, streaming on all of them.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable

import tensorflow as tf

from components import full_memory
from components.trainer.input import compressed, disk, memory
from components.trainer.input.features import aligned_rows
from components.trainer.input.function import Input, feed
from components.trainer.input.options import FeedOptions
from components.trainer.input.order import HELD_BYTES
from components.trainer.input.source import Source, tf_data_options, traced
from components.trainer.input.strategy import beyond_memory
from components.trainer.input_plan.plan import Stage
from components.trainer.input_plan.prediction import Costs
from components.trainer.input_plan.speed import Speed, at_most, disk_rate, pace, sync_rate
from components.usable_cores import usable_cores
from failures import Failure

_PARTS = 12  # of the budget: one for each measurement that is not of a strategy's speed
_SPEED_PARTS, _LOAD_PARTS = 2, 3
_LEAST = 0.05  # seconds; a busy machine may stop a shorter measurement for all of its time
_PART_BYTES = 64 << 20  # of decoded examples, far above the processor's caches
_SHORT = 0.05  # seconds that a batch takes of a core where batches have to be many
_READY = 16  # batches that the input function has ready at most


@dataclasses.dataclass(frozen=True)
class Probed:
    """What was measured."""

    costs: tuple[Costs, ...]  # of memory, disk, streaming and, if that is needed, compressed
    stages: tuple[Stage, ...]
    batch: tuple[tf.Tensor, ...]  # as this worker trains on


class Probe:
    """Measures one source for a training.

    Args:
      examples: how many the source has.
      options: of the training.
      seconds: about how long to measure; a slow batch or file cannot be cut short.
      deliver: maps a dataset of batches to what the training takes them from.
    """

    def __init__(
        self,
        source: Source,
        examples: int,
        batch_size: int,
        options: FeedOptions,
        seconds: float,
        deliver: Callable[[tf.data.Dataset], Iterable] = iter,
    ):
        self._source = source
        self._examples = examples
        self._batch = batch_size
        self._options = dataclasses.replace(options, first_step=0, timed=False, plan=None)
        self._each = max(seconds / _PARTS, _LEAST)
        self._deliver = deliver

    def measure(self, refused: dict[str, str]) -> Probed:
        """Runs all measurements.

        Args:
          refused: why a strategy is not possible, by its name.

        Raises:
          Failure: an example cannot be read or decoded.
          tf.errors.OpError: a batch does not fit into the device's memory.
        """
        try:
            read, decode = self._read_and_decode()
            kept, gather, batch = self._memory()
            found = [kept, self._disk(kept, refused), self._streaming()]
            # What fits decoded needs no decoding in every epoch, and loses nothing.
            if "memory" in refused and not compressed.refusal(self._source):
                found.append(self._compressed())
        except tf.errors.OpError as error:
            if full_memory.says_so(error):
                raise  # The files are not at fault.
            raise self._source.explain(error) from error
        costs = tuple(
            dataclasses.replace(one, refused=one.refused or refused.get(one.strategy))
            for one in found
        )
        return Probed(costs, (read, decode, Stage("gather", gather)), batch)

    def _read_and_decode(self) -> tuple[Stage, Stage]:
        undecoded = self._source.elements().repeat()
        undecoded = undecoded.batch(self._source.chunk).with_options(tf_data_options(True))
        batches = iter(undecoded)
        elements = next(batches)
        read = at_most(batches, self._source.chunk, self._each)

        self._decoding = self._of_one_image(elements)
        size = self._short_batch()
        some = tf.nest.map_structure(lambda part: part[:size], elements)
        size = len(tf.nest.flatten(some)[0])
        decoded = tf.data.Dataset.from_tensors(some).repeat()
        decoded = decoded.map(traced(self._source.decode), usable_cores()).prefetch(2)
        batches = iter(decoded.with_options(tf_data_options(True)))
        next(batches)
        decode = at_most(batches, size, self._each, fewest=2 * usable_cores())
        return Stage("read", read.images_per_second), Stage("decode", decode.images_per_second)

    def _of_one_image(self, elements) -> float:
        """Seconds of one core to decode an image, which limit the size of measured batches."""
        parts = elements if isinstance(elements, tuple) else (elements,)
        self._source.decode(*(part[:1] for part in parts))  # The first call imports libraries.
        count = 1
        while True:
            began = time.perf_counter()
            self._source.decode(*(part[:count] for part in parts))
            took = time.perf_counter() - began
            if took > _SHORT / 2 or count >= len(parts[0]):
                return max(took / count, 1e-7)
            count = min(8 * count, len(parts[0]))

    def _short_batch(self) -> int:
        workers = self._options.workers.count
        size = min(self._batch, max(1, int(_SHORT / self._decoding)))
        return -(-size // workers) * workers

    def _part_batch(self) -> int:
        """The training's batch, or of images that take long to decode a smaller one."""
        workers = self._options.workers.count
        size = min(self._batch, max(1, int(self._each * usable_cores() / self._decoding)))
        return -(-size // workers) * workers

    def _feed(self, source: Source, strategy: str, batch_size: int) -> Input:
        options = dataclasses.replace(self._options, strategy=strategy)
        return feed(source, batch_size, training=True, options=options)

    def _part(self, filled: int) -> int:
        """Examples of a part that is as quick to prepare as `filled` ones were."""
        most = max(_PART_BYTES // self._row, 1)
        return min(self._examples, max(self._part_batch(), min(filled, most)))

    def _forget(self, made: Input, count: int) -> None:
        if made.strategy == "disk":
            made.source.lock.close()
            disk.forget(self._source.part(count), self._options.cache_dir)

    @property
    def _row(self) -> int:
        return self._source.row_bytes

    def _speed(self, made: Input, batch_size: int) -> tuple[float, Speed]:
        """Seconds to the first batch, and the speed after it."""
        began = time.perf_counter()
        batches = iter(self._deliver(made.dataset))
        next(batches)
        first = time.perf_counter() - began
        # What became ready meanwhile is not what can be loaded.
        at_most(batches, batch_size, self._each / 2, fewest=_READY)
        seconds = _SPEED_PARTS * self._each
        return first, at_most(batches, batch_size, seconds, fewest=2 * usable_cores())

    def _memory(self) -> tuple[Costs, float, tuple]:
        limit = min(self._examples, max(1, 4 * _PART_BYTES // self._row))
        part = self._source.part(limit)
        arrays = [aligned_rows(limit, *f.row_shape, dtype=f.dtype) for f in part.features]
        start, each, filled = pace(_LOAD_PARTS * self._each, memory.filling(part, arrays))
        del arrays
        size, count = self._part_batch(), self._part(filled)
        began = time.perf_counter()
        made = self._feed(self._source.part(count), "memory", size)
        # What it takes besides filling the store, for disk as well.
        self._more = max(0.0, time.perf_counter() - began - start - each * count)
        first, speed = self._speed(made, size)
        costs = Costs(
            strategy="memory",
            prepare_seconds=self._more + start + each * self._examples,
            first_batch_seconds=first,
            images_per_second=speed.images_per_second,
            core_seconds=speed.core_seconds,
            memory_bytes=self._examples * self._row,
            disk_bytes=0,
        )
        return costs, speed.images_per_second, self._whole_batch(next(iter(made.dataset)))

    def _compressed(self) -> Costs:
        store = compressed.Store()
        start, each, filled = pace(
            _LOAD_PARTS * self._each, compressed.filling(self._source, store)
        )
        size, count = self._part_batch(), self._part(filled)
        made = self._feed(self._source.part(count), "compressed", size)
        first, speed = self._speed(made, size)
        kept = store.image_bytes * self._examples // filled
        workers = self._options.workers.here
        return Costs(
            strategy="compressed",
            prepare_seconds=self._more + start + each * self._examples,
            first_batch_seconds=first,
            images_per_second=speed.images_per_second,
            core_seconds=speed.core_seconds,
            memory_bytes=kept,
            disk_bytes=0,
            refused=beyond_memory(kept, self._options.memory_limit_bytes, workers),
        )

    def _whole_batch(self, batch: tuple) -> tuple:
        wanted = self._batch // self._options.workers.count
        rows = tf.range(wanted) % len(batch[0])
        return tuple(tf.gather(part, rows) for part in batch)

    def _disk(self, kept: Costs, refused: dict[str, str]) -> Costs:
        folder = self._options.cache_dir
        if not folder or "disk" in refused:
            # Nothing can be tried; what is in memory is read no slower from a disk's cache.
            return self._untried_disk(kept, None)
        try:
            costs = self._disk_in(folder)
        except (Failure, OSError) as error:
            return self._untried_disk(kept, str(error).rstrip("."))
        if not costs.disk_bytes:
            return costs
        # Whoever writes a copy decodes everything as well; noise must not say otherwise.
        least = max(costs.prepare_seconds, kept.prepare_seconds)
        return dataclasses.replace(costs, prepare_seconds=least)

    def _untried_disk(self, kept: Costs, refused: str | None) -> Costs:
        written = self._examples * self._row
        held = min(HELD_BYTES, written)
        return dataclasses.replace(
            kept, strategy="disk", memory_bytes=held, disk_bytes=written, refused=refused
        )

    def _disk_in(self, folder: str) -> Costs:
        size = self._part_batch()
        to_write = disk.bytes_to_write(self._source, folder)
        if disk.is_ready(self._source, folder):
            began = time.perf_counter()
            made = self._feed(self._source, "disk", size)
            start, each = time.perf_counter() - began, 0.0
            first, speed = self._speed(made, size)
            files = made.source.in_place
        else:
            start, each, filled = self._pace_of_copying(folder)
            count = self._part(filled)
            made = self._feed(self._source.part(count), "disk", size)
            first, speed = self._speed(made, size)
            self._forget(made, count)
            files = [] if to_write else self._source.in_place
            if files:
                start, each, _ = pace(_LOAD_PARTS * self._each, disk.verifying(self._source))
            start += self._more
        read = disk_rate(sorted({file for file, _ in files}), self._each / 2)
        rate = min(speed.images_per_second, read / self._source.form.record_bytes)
        return Costs(
            strategy="disk",
            prepare_seconds=start + each * self._examples,
            first_batch_seconds=first,
            images_per_second=rate,
            core_seconds=speed.core_seconds,
            memory_bytes=min(HELD_BYTES, self._examples * self._row),
            disk_bytes=to_write,
        )

    def _pace_of_copying(self, folder: str) -> tuple[float, float, int]:
        with disk.scratch(folder) as place:
            file = str(place / "examples")
            copying = disk.copying(self._source, file)
            with contextlib.closing(copying):
                start, each, filled = pace(_LOAD_PARTS * self._each, copying)
            # A copy counts once it is on the disk; until then most of it waits in memory.
            each += self._source.form.record_bytes / sync_rate(file, _PART_BYTES)
            return start, each, filled

    def _streaming(self) -> Costs:
        size = min(self._short_batch(), self._examples)
        began = time.perf_counter()
        made = self._feed(self._source, "streaming", size)
        start = time.perf_counter() - began
        first, speed = self._speed(made, size)
        # A core decodes the first batch, which may have been shorter here.
        first += (self._batch - size) * self._decoding
        return Costs(
            strategy="streaming",
            prepare_seconds=start,
            first_batch_seconds=first,
            images_per_second=speed.images_per_second,
            core_seconds=speed.core_seconds,
            memory_bytes=min(HELD_BYTES, self._examples * self._row),
            disk_bytes=0,
        )
