"""Which spans a run reads: those of its window, each in its highest version.

A span that is missing stops the run. Older data never stands in for it unseen.
"""

import itertools
import os
import shlex
from collections.abc import Iterable, Mapping

from components.spans.pattern import Place, absolute, has_dates, parent, places
from components.spans.words import name_of, spans_in_words
from failures import Failure
from files.places import files_in
from settings.spans import Spanned

_NAMED = 3  # missing spans that a message names


def chosen(source: Spanned, known: Iterable[Place] = (), root: str = "") -> list[Place]:
    """The spans of the window, in rising order.

    Args:
      source: its `path` is a pattern.
      known: what earlier runs have read; none of it may be gone.
      root: the pipeline root of these runs.

    Raises:
      Failure: no span is there, one of the window is missing, or a span or a version that was
        read before is gone.
    """
    found = {place.span: place for place in places(source.path)}  # the highest version of each
    if not found:
        raise Failure(
            f"No span fits data.path {source.path}{_there(source.path)}. Correct data.path, or "
            "wait for the first span."
        )
    dates = has_dates(source.path)
    first, last = _bounds(source, found, dates)
    if not source.window.gaps:
        _check_gaps(first, last, found, dates)
    window = [place for span, place in found.items() if first <= span <= last]
    if not window:
        raise Failure(f"data.window has no span. There are {_in_words(found, dates)}.")
    _check_known(source, window, last, known, root)
    return window


def of_span(source: Spanned, place: Place) -> Spanned:
    """The source of one span alone."""
    keys = {name: value for name, value in source if name not in Spanned.model_fields}
    return type(source).model_validate(keys | {"path": place.path})


def _bounds(source: Spanned, found: Mapping[int, Place], dates: bool) -> tuple[int, int]:
    """The first and the last span of the window."""
    window, newest = source.window, max(found) if source.span is None else source.span
    if source.span is not None and source.span not in found:
        raise _missing([source.span], 1, found, dates)
    if window.last is not None:
        first = newest - window.last + 1
        if first < min(found) and not window.gaps:
            raise Failure(
                f"data.window: {window.last} spans are wanted, and there "
                f"{'are' if len(found) > 1 else 'is'} {_in_words(found, dates)}. Wait for "
                "more, or take what is there by {gaps: true}."
            )
        return first, newest
    first = min(found) if window.from_ is None else window.from_
    last = newest if window.to is None else window.to
    if source.span is not None and not first <= newest <= last:
        raise Failure(
            f"data.span: given {name_of(newest, dates)}; allowed: a span of data.window, "
            f"{name_of(first, dates)} to {name_of(last, dates)}"
        )
    if source.span is None and first > last:
        raise _missing([first], 1, found, dates)
    return first, min(last, newest) if source.span is not None else last


def _check_gaps(first: int, last: int, found: Mapping[int, Place], dates: bool) -> None:
    there = sum(first <= span <= last for span in found)
    if lacking := last - first + 1 - there:
        missing = (span for span in itertools.count(first) if span not in found)
        raise _missing(itertools.islice(missing, min(lacking, _NAMED)), lacking, found, dates)


def _missing(named: Iterable[int], number: int, found: Mapping[int, Place], dates: bool) -> Failure:
    named = [name_of(span, dates) for span in named]
    more = f" and {number - len(named):,} more" if number > len(named) else ""
    some = next(iter(found.values())).path
    return Failure(
        f"data.window: span{'s' if number > 1 else ''} {', '.join(named)}{more} "
        f"{'are' if number > 1 else 'is'} missing. There {'are' if len(found) > 1 else 'is'} "
        f"{_in_words(found, dates)}, such as {some}. Add what is missing, or choose "
        "another window; {gaps: true} leaves out what is missing."
    )


def _check_known(
    source: Spanned, chosen: list[Place], last: int, known: Iterable[Place], root: str
) -> None:
    """A span that vanished would otherwise pass for one that has never been."""
    window, versions = source.window, {place.span: place.version for place in chosen}
    dates = has_dates(source.path)
    open_at_the_end = source.span is None and window.to is None
    open_at_the_start = window.last is None and window.from_ is None and not window.gaps
    for place in known:
        before, behind = place.span < min(versions), place.span > last
        if (before and open_at_the_start) or (behind and open_at_the_end):
            raise _gone(place, _in_words(versions, dates), source.path, root)
        version = versions.get(place.span, place.version)
        if (version or 0) < (place.version or 0):
            raise _gone(place, f"version {version}", source.path, root)


def _gone(place: Place, left: str, pattern: str, root: str) -> Failure:
    dates = has_dates(pattern)
    # Those of this run: a pod has others than the file that its package was compiled from.
    keys = {"root": os.path.abspath(root), "data.path": absolute(pattern)}
    settings = " ".join(f"--set {shlex.quote(f'{key}={value}')}" for key, value in keys.items())
    drop = f"python -m pipeline spans drop {name_of(place.span, dates)} --config FILE {settings}"
    return Failure(
        f"{place.path}: {place.words(dates)} was read before and is gone; what remains is {left}. "
        f"Restore it, or go on without it by `{drop}`."
    )


def _in_words(spans: Iterable[int], dates: bool) -> str:
    return spans_in_words({span: name_of(span, dates) for span in sorted(spans)})


def _there(pattern: str) -> str:
    """What lies where spans are expected."""
    folder = parent(pattern)
    names = [os.path.basename(path) for path in files_in(folder)]
    if not names:
        return f"; {folder} is empty or not there"
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"; {folder} has {', '.join(names[:_NAMED])}{more}"
