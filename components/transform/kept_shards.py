"""Transformed shards of spans that an earlier run left, so that no image is decoded twice."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components.engine import Engine, run_shards
from components.spans import reading
from components.spans.reading import SpanShards
from components.spans.store import SpanStore, keep, load
from components.transform.job import Shard
from components.transform.relabelling import Earlier
from files import writing

_KIND = "transform"
_ANY = b""  # no vocabulary is empty


@dataclasses.dataclass(frozen=True)
class KeptShards:
    """The shards of a job that come from spans, and where the store has what was made of them.

    Attributes:
      keys: by a raw shard's path, its span's key, and its number among the span's shards.
      new: those that this run transformed.
    """

    spans: Sequence[SpanShards]
    keys: Mapping[str, tuple[str, int]]
    store: SpanStore
    new: set[Shard] = dataclasses.field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.store and self.keys)

    def results(
        self,
        work: Callable[[Shard], Any],
        shards: Sequence[Shard],
        depends: Any,
        reports: str,
        engine: Engine | None,
        threads: int = 1,
        processes: Callable[[Sequence[str]], int] | None = None,
    ) -> Iterator[tuple[Shard, Any, bool]]:
        """Each shard, what the work gives for it, and whether it was made just now.

        Args:
          work: on a shard whose target may be a file of the store.
          depends: JSON values that the result depends on, besides the shard and the code.
          reports, engine, threads: as for `run_shards`.
          processes: the raw files to work on -> as for `run_shards`.
        """
        kept = [self._load(shard, depends) for shard in shards]
        new = [
            self._placed(shard, depends)
            for shard, result in zip(shards, kept, strict=True)
            if result is None
        ]
        alone = engine is None and processes is not None
        count = processes([shard.source for shard in new]) if alone else 0
        with contextlib.closing(run_shards(work, new, reports, engine, threads, count)) as made:
            for shard, result in zip(shards, kept, strict=True):
                yield shard, next(made) if result is None else result, result is None

    def keep(self, shard: Shard, depends: Any, result: Any) -> None:
        """Leaves a result for later runs: what the work wrote is whole by now."""
        if self:
            keep(self._file(shard, depends), result)

    def earlier(self, shards: Sequence[Shard], depends_of: Callable[[bytes], Any]) -> dict:
        """What runs with other classes made of shards, by the raw ones' paths, as `Earlier`.

        Args:
          depends_of: as for `results`, for the vocabulary of such a run.
        """
        found = {}
        for shard in shards if self else ():
            classes = load(self._file(shard, depends_of(_ANY)))
            result = classes and self._load(shard, depends_of(classes))
            path = classes and self._placed(shard, depends_of(classes)).target
            if result and os.path.exists(path):
                found[shard.source] = Earlier(path, classes, result)
        return found

    def keep_classes(self, shard: Shard, depends_of: Callable[[bytes], Any], classes: bytes):
        """Leaves the vocabulary under which a shard was transformed, for `earlier`."""
        if self:
            keep(self._file(shard, depends_of(_ANY)), classes)

    def publish(self, shard: Shard, depends: Any) -> None:
        """Gives what the work wrote its name in the artifact."""
        if self:
            writing.link(self._placed(shard, depends).target, shard.target)

    def _load(self, shard: Shard, depends: Any) -> Any:
        return load(self._file(shard, depends)) if self else None

    def _placed(self, shard: Shard, depends: Any) -> Shard:
        target = f"{self._file(shard, depends)}.tfrecord" if self else shard.target
        return dataclasses.replace(shard, target=target)

    def _file(self, shard: Shard, depends: Any) -> str:
        key, number = self.keys[shard.source]
        return self.store.made(key, _KIND, shard.split, number, depends)

    @property
    def words(self) -> str:
        """For the table, "" without spans."""
        keys = {self.keys[shard.source][0] for shard in self.new} if self.keys else set()
        made = [span for span in self.spans if span.key in keys]
        return reading.words(self.spans, made) if self.spans else ""


def kept_shards(uri: str, shards: Sequence[Shard], store: SpanStore) -> KeptShards:
    """What the store may have of the raw examples at `uri`."""
    spans = reading.read(uri)
    by_split = {split: reading.shard_keys(spans, split) for split in {s.split for s in shards}}
    keys = {
        shard.source: by_split[shard.split][shard.file]
        for shard in shards
        if shard.file in by_split[shard.split]
    }
    return KeptShards(spans, keys, store)
