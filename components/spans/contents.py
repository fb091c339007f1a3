"""What is in each span of a window, read again only where something changed."""

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from components.examples.contents import ContentDriver, Contents, OnePlace
from components.examples.picture_files import shown
from components.spans import marks
from components.spans.listing import listing_of
from components.spans.pattern import Place, absolute, has_dates, parent
from components.spans.store import SpanStore, keep, kept_spans, load, mark_used
from components.spans.window import chosen, of_span
from components.spans.words import name_of, spans_in_words
from failures import Failure
from settings.data import Features
from settings.source import PartSplits
from settings.spans import Spanned

Read = Callable[[Spanned, Features, bool], OnePlace]  # The last: whether it is a span.


class Arrival(NamedTuple):
    """A span as it was when it was read."""

    place: Place
    contents: OnePlace
    key: str  # of its shards in the store


@dataclasses.dataclass(frozen=True)
class Window(Contents):
    """The spans of a window."""

    pattern: str
    spans: Sequence[Arrival]
    whole: Contents  # all of them as one

    @property
    def name(self):
        return self.whole.name

    @property
    def fingerprint(self):
        """Of what was in which version of which span."""
        digest = hashlib.sha256()
        for place, contents, _ in self.spans:
            digest.update(f"{place.span} {place.version} {contents.fingerprint}\n".encode())
        return digest.hexdigest()

    @property
    def held(self):
        return next(filter(None, (span.contents.held for span in self.spans)), None)

    @property
    def counts(self):
        return self.whole.counts

    @property
    def remarks(self):
        return self.whole.remarks

    def check(self, features):
        self.whole.check(features)

    def log(self):
        self.whole.log()

    def shared(self):
        return self.whole.shared()


class WindowDriver(ContentDriver):
    """The fingerprint of what a source holds, whether or not it comes in spans."""

    SOURCE: type[Spanned]

    def read(self, source: Spanned, features: Features, is_span: bool) -> OnePlace:
        """Reads a source whose path is not a pattern, or one span of a window."""
        raise NotImplementedError

    def portable_value(self, exec_properties):
        source = self.SOURCE.from_json(exec_properties["source"])
        return listing_of(source) or super().portable_value(exec_properties)

    def contents(self, exec_properties):
        return read_contents(
            self.read,
            self.SOURCE.from_json(exec_properties["source"]),
            Features.from_json(exec_properties["features"]),
            SpanStore.from_json(exec_properties.get("span_store", "{}")),
        )


def read_contents(read: Read, source: Spanned, features: Features, store: SpanStore) -> Contents:
    """Reads the place of a source, or those of the spans in its window, and checks the whole.

    Args:
      read: reads a source whose path is not a pattern, or one span of a window.
      store: which remembers what was read.

    Raises:
      Failure: as `read`, `chosen` and `Contents.check`.
    """
    if source.has_spans:
        found = _window(source, features, read, store)
        _check_named(source, found)
    else:
        found = read(source, features, False)
    found.check(features)
    return found


def _check_named(source: Spanned, found: Window) -> None:
    """Names what no span has of a split: for a span alone it may be missing."""
    splits: PartSplits | None = getattr(source, "splits", None)
    for role, name in splits.by_role().items() if splits else ():
        if isinstance(name, str) and not found.counts.get(role):
            raise Failure(
                f"{found.name}: split {role} gets none of the {sum(found.counts.values()):,} "
                f"examples, as no span has any of {shown(name)!r} (data.splits.{role}). Add a "
                f"span that has some, or correct data.splits.{role}."
            )


def _window(source: Spanned, features: Features, read: Read, store: SpanStore) -> Window:
    pattern, dates = absolute(source.path), has_dates(source.path)
    known = [kept.place for kept in kept_spans(store.folder, pattern)] if store else []
    spans = []
    for place in chosen(source, known, store.root):
        contents = _read(source, place, features, read, store)
        content = [pattern, place.span, place.version, contents.fingerprint]
        key = store.key("examples", features.model_dump(mode="json"), *content)
        spans.append(Arrival(place, contents, key))
    above = parent(pattern)
    parts = [(os.path.relpath(span.place.path, above), span.contents) for span in spans]
    named = {span.place.span: name_of(span.place.span, dates) for span in spans}
    name = f"{shown(source.path)}, {spans_in_words(named)}"
    return Window(pattern, spans, spans[0].contents.together(parts, name))


def _read(source: Spanned, place: Place, features: Features, read: Read, store) -> OnePlace:
    one = of_span(source, place)
    settings = one.model_dump(mode="json"), features.model_dump(mode="json")
    memory = store.read_place(place, *settings) if store else None
    then = load(memory) if memory else None
    if then is not None:
        contents, seen, read_ns = then
        now = marks.marks(place.path), marks.marks_of(contents.outside(place.path))
        if all(marks.still_hold(*both, read_ns) for both in zip(now, seen, strict=True)):
            mark_used(os.path.dirname(memory), [os.path.basename(memory)])
            return contents
    read_ns = time.time_ns()
    # Before it is read: a folder that is moved there meanwhile looks as old as its files are.
    seen = marks.marks(place.path) if memory else None
    contents = read(one, features, True)
    # What is held is the copy of a bucket, which does not show that the bucket has changed.
    if memory and contents.held is None:
        outside = marks.marks_of(contents.outside(place.path))
        keep(memory, (contents, (seen, outside), read_ns))
    return contents
