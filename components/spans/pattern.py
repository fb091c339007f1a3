"""Finds the spans whose paths fit a pattern such as `incoming/span-{SPAN}/v{VERSION}`."""

import datetime
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from components.spans.words import name_of
from failures import Failure
from files.places import exists, files_in, reading
from settings.spans import DATE, SPEC, number_of

_HIGHEST = 2**63 - 1  # that ML Metadata keeps
_NEXT_STEP = "Correct its permissions, then run again."


class Place(NamedTuple):
    """Where the data of a span lies."""

    span: int  # the number in the path; of a date, the days since 1970-01-01
    version: int | None  # None where the pattern has none
    path: str  # absolute, or an address

    def words(self, has_dates: bool) -> str:
        """As in "span 3", "span 3, version 2" or "span 2026-11-26"."""
        version = "" if self.version is None else f", version {self.version}"
        return f"span {name_of(self.span, has_dates)}{version}"


def has_dates(pattern: str) -> bool:
    return "{YYYY}" in pattern


def absolute(pattern: str) -> str:
    """The pattern as an absolute path, so that the working folder does not count."""
    return pattern if "://" in pattern else os.path.abspath(os.path.expanduser(pattern))


def places(pattern: str) -> list[Place]:
    """Every version of every span that there is, in rising order.

    Names that do not fit the pattern are passed over, and so is what is still being written.

    Raises:
      Failure: a folder cannot be read, a date is not one, a number is too high, or two paths are of
        the same version.
    """
    pattern = absolute(pattern)
    found = {}
    for path, values in _matches(*_start(pattern), {}):
        place = Place(*_numbers(values, path), path)
        other = found.setdefault(place[:2], place)
        if other is not place:
            raise Failure(
                f"{other.path} and {place.path} are both {place.words(has_dates(pattern))}. "
                "Remove one of them."
            )
    return [found[key] for key in sorted(found, key=lambda key: (key[0], key[1] or 0))]


def parent(pattern: str) -> str:
    """The folder below which the first spec of a pattern stands."""
    return _start(absolute(pattern))[0]


def _start(pattern: str) -> tuple[str, list[str]]:
    """The folder above the first spec, and the names of the pattern from there on."""
    above = pattern[: SPEC.search(pattern).start()].rpartition("/")[0]
    return above or "/", pattern[len(above) + 1 :].split("/")


def _matches(above: str, names: list[str], values: dict[str, str]) -> Iterator[tuple[str, dict]]:
    """(path, {spec: its digits}) of all below a folder that fits the names."""
    if not names:
        yield above, values
        return
    name, *rest = names
    if not SPEC.search(name):
        path = os.path.join(above, name)
        if exists(path):
            yield from _matches(path, rest, values)
        return
    form = form_of(name)
    with reading(above, _NEXT_STEP):
        inside = [os.path.basename(path) for path in files_in(above)]
    for one in inside:
        if match := form.fullmatch(one):
            yield from _matches(os.path.join(above, one), rest, values | match.groupdict())


def form_of(name: str) -> re.Pattern:
    """What the names of files fit that this name of a pattern stands for."""
    digits = {"YYYY": r"\d{4}", "MM": r"\d\d", "DD": r"\d\d"}
    text, end = "", 0
    for spec in SPEC.finditer(name):
        kind = spec[1] or spec[3]
        width = rf"\d{{{spec[2]}}}" if spec[2] else r"\d+"
        text += re.escape(name[end : spec.start()]) + f"(?P<{kind}>{digits.get(kind, width)})"
        end = spec.end()
    return re.compile(text + re.escape(name[end:]), re.ASCII)


def _numbers(values: dict[str, str], path: str) -> tuple[int, int | None]:
    for name, digits in values.items():
        if int(digits) > _HIGHEST:
            raise Failure(f"{path}: {name} is above {_HIGHEST:,}. Rename the folder.")
    version = int(values["VERSION"]) if "VERSION" in values else None
    if "SPAN" in values:
        return int(values["SPAN"]), version
    try:
        day = datetime.date(*(int(values[name]) for name in DATE))
    except ValueError:
        text = "-".join(values[name] for name in DATE)
        raise Failure(f"{path}: {text} is not a date. Rename the folder.") from None
    if number_of(day) < 0:
        raise Failure(f"{path}: {day} is before 1970, where spans begin. Rename the folder.")
    return number_of(day), version
