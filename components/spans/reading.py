"""Which shards of an Examples artifact are of which span; needs neither TFX nor TensorFlow."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from components.spans.words import name_of, spans_in_words
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
    def facts(self) -> dict[str, Any]:
        """What a property of the artifact says of it."""
        return {name: getattr(self, name) for name in ("span", "version", "name", "examples")}


def property_of(facts: Sequence[Mapping[str, Any]]) -> str:
    """The property's text of the facts of a window's spans, which are in rising order.

    Spans that follow each other in one version share an entry: it names the first of them, and
    lists the examples of each. So thousands of spans fit where properties travel in arguments.
    """
    runs = []
    for one in facts:
        last = runs[-1] if runs else None
        if (
            last
            and one["span"] == last["span"] + len(last["examples"])
            and one["version"] == last["version"]
        ):
            last["examples"].append(one["examples"])
        else:
            runs.append({**one, "examples": [one["examples"]]})
    return text_of(runs, separators=(",", ":"))


def facts_in(text: str) -> list[dict[str, Any]]:
    """The facts of each span that the property's text tells of; one of before had no runs."""
    return [fact for run in json.loads(text) for fact in _facts_of(run)]


def _facts_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    first, examples = run["span"], run["examples"]
    if isinstance(examples, int):
        return [run]
    dates = run["name"] != str(first)
    return [
        run | {"span": span, "name": name_of(span, dates), "examples": number}
        for span, number in enumerate(examples, first)
    ]


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
