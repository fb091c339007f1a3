"""Puts the shards of a window's spans together, each written once and kept in the store."""

import os

from tfx import types
from tfx.types import artifact_utils

from components.engine import Engine
from components.examples.shard_names import shard_path
from components.examples.shards import all_or_none
from components.spans import reading
from components.spans.contents import Arrival, Window
from components.spans.pattern import has_dates
from components.spans.reading import SpanShards
from components.spans.store import SpanStore, mark_used, prune, record
from components.spans.words import name_of
from failures import Failure
from files import writing
from files.places import files_in
from settings.data import Features

_NEXT_STEP = "Free space or correct the permissions there, then run again."


def write_window(
    window: Window,
    features: Features,
    examples: types.Artifact,
    store: SpanStore,
    most_bytes: float,
    engine: Engine | None,
) -> tuple[list[SpanShards], list[SpanShards]]:
    """Writes the shards of spans that the store lacks, and gives all of them to an artifact.

    Its files are named as if they were of one source, in the order of the spans.

    Args:
      store: of this machine; without a folder, nothing is kept for later runs.
      most_bytes: what the store may take.

    Returns:
      All spans of the window, and those that the store lacked.

    Raises:
      Failure: a file changes meanwhile or cannot be read, the store cannot be written, or
        another run removes a span of the window from it.
    """
    passing = f"{examples.uri}/spans"
    keeping = store or SpanStore(folder=passing, code=store.code)
    keys = [span.key for span in window.spans]
    try:
        # Again once all are there: that may take hours, in which other runs use other spans.
        mark_used(keeping.folder, keys)
        new = [_write(span, window.pattern, features, keeping, engine) for span in window.spans]
        mark_used(keeping.folder, keys)
        found = _gathered(window, examples, keeping)
    finally:
        writing.remove(passing)
    reading.write(examples.uri, found)
    if store:
        prune(store, most_bytes, keys)
    return found, [span for span, is_new in zip(found, new, strict=True) if is_new]


def _write(
    span: Arrival,
    pattern: str,
    features: Features,
    store: SpanStore,
    engine: Engine | None,
) -> bool:
    """Writes the shards of a span, unless the store has them; returns whether it did."""
    folder = store.examples(span.key)
    with writing.reported(folder, _NEXT_STEP):
        if os.path.isdir(folder):
            return False
        with store.locked():
            if os.path.isdir(folder):  # Another run was faster.
                return False
            with writing.whole_folder(folder) as unfinished:
                contents, counts = span.contents, span.contents.counts
                folders = {role: f"{unfinished}/Split-{role}" for role in counts}
                contents.write(folders, features, unfinished, engine)
                record(unfinished, pattern, span.place, counts, contents.fingerprint)
    return True


def _gathered(window: Window, examples: types.Artifact, store: SpanStore) -> list[SpanShards]:
    """Gives every shard of the store its name in the artifact."""
    names = {span.key: {} for span in window.spans}
    for role in window.counts:
        split = artifact_utils.get_split_uri([examples], role)
        sources = [
            (span.key, path) for span in window.spans for path in _shards(span, role, window, store)
        ]
        targets = [shard_path(split, index, len(sources)) for index in range(len(sources))]
        with writing.reported(split, _NEXT_STEP), all_or_none(targets):
            for (key, source), target in zip(sources, targets, strict=True):
                writing.link(source, target)
                names[key].setdefault(role, []).append(os.path.basename(target))
    dates = has_dates(window.pattern)
    return [
        SpanShards(
            span=span.place.span,
            version=span.place.version,
            name=name_of(span.place.span, dates),
            key=span.key,
            examples=sum(span.contents.counts.values()),
            shards=names[span.key],
        )
        for span in window.spans
    ]


def _shards(span: Arrival, role: str, window: Window, store: SpanStore) -> list[str]:
    """The shards that a span has of a split, none of them missing."""
    found = files_in(f"{store.examples(span.key)}/Split-{role}")
    if not found and span.contents.counts.get(role):
        raise Failure(
            f"{store.folder}: another run removed {span.place.words(has_dates(window.pattern))} "
            "before this one had put its window together. Raise data.span_store_gb, then run again."
        )
    return found
