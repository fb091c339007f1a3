"""Which shards of an Examples artifact are of which span; needs neither TFX nor TensorFlow."""

import os
from typing import NamedTuple

from components.spans.words import spans_in_words
from files import places, writing
from files.strict_json import text_of

PROPERTY = "spans"  # the custom property of what is made of a window
_FILE = "spans.json"


class SpanShards(NamedTuple):
    """A span of a window and its shards."""

    span: int
    version: int | None
    name: str  # the number, or the date where the pattern has dates
    key: str  # of the span in the store
    examples: int
    shards: dict[str, list[str]]  # file names by split

    @property
    def facts(self) -> dict:
        """What a property of the artifact says of it."""
        return {name: getattr(self, name) for name in ("span", "version", "name", "examples")}


def write(uri: str, spans: list[SpanShards]) -> None:
    """Leaves them beside the splits of the artifact at `uri`."""
    writing.write(os.path.join(uri, _FILE), text_of([span._asdict() for span in spans]))


def read(uri: str) -> list[SpanShards]:
    """The spans of an artifact, in rising order; [] where its data came in none."""
    return [SpanShards(**span) for span in places.read_json(os.path.join(uri, _FILE)) or ()]


def shard_keys(spans: list[SpanShards], split: str) -> dict[str, tuple[str, int]]:
    """{file name: (the span's key, the number of the shard in its split)}."""
    return {
        name: (span.key, number)
        for span in spans
        for number, name in enumerate(span.shards.get(split, ()))
    }


def words(spans: list[SpanShards], new: list[SpanShards]) -> str:
    """As in "spans 1 to 4 (new: span 4)": what this run made, and not an earlier one."""
    return f"{_named(spans)} (new: {_named(new) if new else 'none'})"


def _named(spans: list[SpanShards]) -> str:
    return spans_in_words({span.span: span.name for span in spans})
