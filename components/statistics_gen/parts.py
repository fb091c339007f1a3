"""What is gathered from a split span by span, so that the next run need not gather it again."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from components.spans import reading
from components.spans.reading import SpanShards
from components.spans.store import SpanStore, keep, load

_KIND = "statistics"


class _Part(NamedTuple):
    split: str
    paths: Sequence[str]
    span: int | None = None
    file: str | None = None  # what the store keeps of it


@dataclass
class Parts:
    """The shards of each split in parts: one for each span, or a single one without spans.

    Attributes:
      new: the numbers of the spans of which anything had to be gathered.
    """

    spans: Sequence[SpanShards]
    shards: Mapping[str, Sequence[str]]  # split to paths
    store: SpanStore
    new: set[int] = field(default_factory=set)

    def gathered(
        self, gather: Callable[[Sequence[Sequence[str]]], Iterable[Any]], *depends: Any
    ) -> dict[str, list[Any]]:
        """What is gathered from each part that has shards: by split, in the order of the spans.

        Args:
          gather: the paths of each part that nothing is kept of -> anything that can be pickled,
            for one part after the other.
          depends: JSON values that the result depends on, besides the shards and the code.
        """
        parts = [part for split in self.shards for part in self._of(split, depends)]
        kept = [load(part.file) if part.file else None for part in parts]
        made = iter(gather([p.paths for p, one in zip(parts, kept, strict=True) if one is None]))
        found = {split: [] for split in self.shards}
        for part, one in zip(parts, kept, strict=True):
            found[part.split].append(self._made(part, next(made)) if one is None else one)
        return found

    def _of(self, split: str, depends: Sequence[Any]) -> Iterator[_Part]:
        if not self.spans:
            yield _Part(split, self.shards[split])
            return
        paths = {os.path.basename(path): path for path in self.shards[split]}
        for span in self.spans:
            if names := span.shards.get(split):
                file = self.store.made(span.key, _KIND, split, *depends) if self.store else None
                yield _Part(split, [paths[name] for name in names], span.span, file)

    def _made(self, part: _Part, value: Any) -> Any:
        if part.span is not None:
            self.new.add(part.span)
        if part.file:
            keep(part.file, value)
        return value

    @property
    def words(self) -> str:
        """For the table, "" without spans."""
        new = [span for span in self.spans if span.span in self.new]
        return reading.words(self.spans, new) if self.spans else ""
