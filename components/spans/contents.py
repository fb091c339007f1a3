"""What is in each span of a window, read anew only where something changed."""

import dataclasses
import hashlib
import itertools
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from components.examples.contents import ContentDriver, Contents
from components.examples.entries import COPIES, repeated
from components.examples.picture_files import shown
from components.spans import marks
from components.spans.pattern import Place, absolute, has_dates, parent
from components.spans.store import SpanStore, keep, kept_spans, load
from components.spans.window import chosen
from components.spans.words import name_of, spans_in_words
from settings.data import Features
from settings.spans import Spanned

Read = Callable[[Spanned, Features], Contents]


class Arrival(NamedTuple):
    """A span as it was when it was read."""

    place: Place
    contents: Contents
    key: str  # of its shards in the store


@dataclasses.dataclass(frozen=True)
class Window(Contents):
    """The files of all spans of a window; their paths begin below the folder of the pattern."""

    pattern: str
    spans: Sequence[Arrival]

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits: of what, and in which version of which span."""
        digest = hashlib.sha256()
        for place, contents, _ in self.spans:
            digest.update(f"{place.span} {place.version} {contents.fingerprint}\n".encode())
        return digest.hexdigest()


class WindowDriver(ContentDriver):
    """The fingerprint of what a source holds, whether or not it comes in spans."""

    SOURCE: type[Spanned]

    def read(self, source: Spanned, features: Features) -> Contents:
        """Reads a source whose path is no pattern."""
        raise NotImplementedError

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
      read: reads a source whose path is no pattern.
      store: which remembers what was read.

    Raises:
      Failure: as `read`, `chosen` and `Contents.check`.
    """
    spanned = source.has_spans
    found = _window(source, features, read, store) if spanned else read(source, features)
    found.check()
    return found


def _window(source: Spanned, features: Features, read: Read, store: SpanStore) -> Window:
    pattern, dates = absolute(source.path), has_dates(source.path)
    known = [kept.place for kept in kept_spans(store.folder, pattern)] if store else []
    spans = []
    for place in chosen(source, known):
        contents = _read(source, place, features, read, store)
        content = [pattern, place.span, place.version, contents.fingerprint]
        key = store.key("examples", features.model_dump(mode="json"), *content)
        spans.append(Arrival(place, contents, key))
    folder = parent(pattern)
    roles, findings = _together(spans, folder)
    first = spans[0].contents
    named = {span.place.span: name_of(span.place.span, dates) for span in spans}
    name = f"{shown(source.path)}, {spans_in_words(named)}"
    return Window(folder, roles, findings, name, first.way_on, pattern, spans)


def _read(source: Spanned, place: Place, features: Features, read: Read, store) -> Contents:
    one = type(source).model_validate(
        {name: value for name, value in source if name not in Spanned.model_fields}
        | {"path": place.path}
    )
    memory = store and store.read_place(place, one.model_dump(mode="json"), features.model_dump())
    then = load(memory) if memory else None
    if then is not None:
        contents, seen, read_ns = then
        if marks.still_hold(_marks(place, contents), seen, read_ns):
            return contents
    read_ns = time.time_ns()
    contents = read(one, features)
    if memory:
        keep(memory, (contents, _marks(place, contents), read_ns))
    return contents


def _marks(place: Place, contents: Contents) -> marks.Marks | None:
    """Of all that was looked at: a manifest names images outside its own place."""
    if contents.folder == place.path:
        return marks.marks(place.path)
    entries = itertools.chain.from_iterable(contents.roles.values())
    named = itertools.chain(
        (path for entry in entries for path in (entry.path, entry.mask_path) if path),
        itertools.chain.from_iterable(contents.findings.values()),
    )
    return marks.marks(place.path, [os.path.join(contents.folder, path) for path in named])


def _together(spans: Sequence[Arrival], folder: str) -> tuple[dict, dict]:
    """The roles and the findings of all spans; a duplicate may be one of another span's file."""
    roles, findings = defaultdict(list), defaultdict(list)
    for place, contents, _ in spans:
        prefix = os.path.relpath(place.path, folder)
        for role, entries in contents.roles.items():
            roles[role] += [e._replace(path=f"{prefix}/{e.path}") for e in entries]
        for kind, paths in contents.findings.items():
            findings[kind] += [f"{prefix}/{path}" for path in paths]
    for kind in COPIES:
        findings.pop(kind, None)
    return dict(roles), findings | repeated(roles)
