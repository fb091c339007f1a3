"""Spans in the words of a message."""

import itertools
from collections.abc import Mapping

from settings.spans import day_of


def name_of(span: int, dates: bool) -> str:
    """A span's number, or its date where the pattern has dates."""
    return str(day_of(span) if dates else span)


def spans_in_words(names: Mapping[int, str]) -> str:
    """As in "span 3" or "spans 1 to 4, 6"; the names by the numbers, in rising order."""
    parts = []
    for _, run in itertools.groupby(enumerate(names), lambda pair: pair[1] - pair[0]):
        named = [names[span] for _, span in run]
        parts += [f"{named[0]} to {named[-1]}"] if len(named) > 2 else named
    return f"span{'s' if len(names) > 1 else ''} {', '.join(parts)}"
