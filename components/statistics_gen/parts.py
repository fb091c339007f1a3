"""What is gathered from a split span by span, so that the next run need not gather it again."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.spans import reading
from components.spans.reading import SpanShards
from components.spans.store import SpanStore, keep, load

_KIND = "statistics"


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
        self, split: str, work: Callable[[Sequence[str]], Any], *depends: Any
    ) -> list[Any]:
        """What the work gives for each part of a split that has shards, in their order.

        Args:
          work: paths of shards -> anything that can be pickled.
          depends: JSON values that the result depends on, besides the shards and the code.
        """
        if not self.spans:
            return [work(self.shards[split])]
        paths = {os.path.basename(path): path for path in self.shards[split]}
        found = []
        for span in filter(lambda span: span.shards.get(split), self.spans):
            of_span = functools.partial(work, [paths[name] for name in span.shards[split]])
            found.append(self._of_span(span, of_span, [split, *depends]))
        return found

    def _of_span(self, span: SpanShards, work: Callable[[], Any], depends: Sequence[Any]) -> Any:
        file = self.store.made(span.key, _KIND, *depends) if self.store else None
        made = load(file) if file else None
        if made is None:
            self.new.add(span.span)
            made = work()
            if file:
                keep(file, made)
        return made

    @property
    def words(self) -> str:
        """For the table, "" without spans."""
        new = [span for span in self.spans if span.span in self.new]
        return reading.words(self.spans, new) if self.spans else ""
