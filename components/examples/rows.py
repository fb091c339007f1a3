"""The rows of a table of images, whatever it is kept in: each cell checked and of its type."""

import datetime
import math
import sys
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from components.examples.picture_files import shown
from failures import Failure, did_you_mean

_MOST_WEIGHT = 3.4e38  # that a tf.train.Example keeps as a number


class Row(NamedTuple):
    """One image of the table; what is not read or not there is ""."""

    image_path: str  # relative to the root, with slashes; or the name of a row that has the image
    label: str
    mask_path: str
    group: str
    named_split: str
    moment: float  # seconds or units of the user's own; 0 where not read
    sample_weight: float | None
    labels: tuple[str, ...] | None = None  # sorted, where any number is read; None without a label

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels or ((self.label,) if self.label else ())

    @property
    def is_labelled(self) -> bool:
        return bool(self.label) or self.labels is not None


class Rows(NamedTuple):
    """The rows that are used, and what to report about the others."""

    rows: list[Row]
    split_by: str  # "split", "group", "content" or "time"
    findings: dict[str, list[str]]  # rows and columns that are not used


def split_by(source: Any, columns: Collection[str]) -> str:
    """The way that is asked for, or the first of those that the columns and splits allow.

    Args:
      source: has `split_by`, `splits` and `columns`, as a ManifestSource has.
      columns: those that the table has.
    """
    if source.split_by:
        return source.split_by
    if source.splits is not None and not source.splits.are_shares:
        return "split"
    given = source.columns
    if source.splits is None and (given.split or "split" in columns):
        return "split"
    return "group" if given.group or "group" in columns else "content"


def column_names(
    source: Any,
    way: str,
    unread: Collection[str],
    columns: Collection[str],
    place: str,
    next_step: str,
) -> dict[str, str]:
    """The columns that are read, by key.

    Args:
      way: what `split_by` gave.
      unread: keys that are not read anyway.

    Raises:
      Failure: the table lacks one.
    """
    given = source.columns
    others = {kind for kind in ("split", "group", "time") if kind != way} | set(unread)
    if not given.weight:
        others.add("weight")
    names = {
        key: getattr(given, key) or key for key in type(given).model_fields if key not in others
    }
    for key, name in names.items():
        if name not in columns:
            there = [shown(str(column)) for column in columns]
            raise Failure(
                f"{place} has no column {shown(name)!r} (data.columns.{key}). It has: "
                f"{', '.join(there)}{did_you_mean(shown(name), there) or '.'} {next_step}"
            )
    return names


class RowReader:
    """Makes a Row of the cells of one; a cell that cannot be one is a Failure with its place.

    Args:
      names: of the columns that are read, by key.
      several: whether a label is any number of classes: a list, or a text.
      separator: what separates them in a text; None: a text is one class.
    """

    def __init__(
        self,
        place: str,
        names: Mapping[str, str],
        next_step: str,
        *,
        several: bool = False,
        separator: str | None = None,
    ):
        self._place, self._next_step = place, next_step
        self.names = names
        self._several, self._separator = several, separator
        self._kind = None  # of the first time

    def row(self, where: str, cells: Mapping[str, Any], image_path: str, mask_path: str) -> Row:
        return Row(
            image_path=image_path,
            # Few, and of many rows.
            label="" if self._several else sys.intern(self.text(where, cells, "label")),
            labels=self._labels(where, cells) if self._several else None,
            mask_path=mask_path,
            group=self._group(where, cells),
            named_split=sys.intern(self.text(where, cells, "split")),
            moment=self._moment(where, cells) if "time" in self.names else 0.0,
            sample_weight=self._weight(where, cells) if "weight" in self.names else None,
        )

    def text(self, where: str, cells: Mapping[str, Any], key: str) -> str:
        """A text or a whole number as text; "" for a cell that is empty or not read."""
        value = cells.get(self.names[key]) if key in self.names else None
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.refused(where, key, value, "a text or a whole number")
        if _is_half(str(value)):
            raise self.refused(where, key, value, "a text of whole characters")
        return str(value)

    def _labels(self, where: str, cells: Mapping[str, Any]) -> tuple[str, ...] | None:
        value = cells.get(self.names["label"]) if "label" in self.names else None
        if isinstance(value, str):
            parts = value.split(self._separator) if self._separator else [value]
            found = [part.strip() for part in parts]
        elif isinstance(value, list):
            found = value
        else:
            found = [value]
        if value is None or value == "":
            return None
        for one in found:
            if isinstance(one, bool) or not isinstance(one, str | int):
                wanted = "a list of texts or whole numbers"
                raise self.refused(where, "label", value, wanted)
        return tuple(sorted({sys.intern(str(one)) for one in found} - {""}))

    def _group(self, where: str, cells: Mapping[str, Any]) -> str:
        group = self.text(where, cells, "group")
        if "group" in self.names and not group:
            raise self.refused(where, "group", "", "a group for every image")
        return group

    def _weight(self, where: str, cells: Mapping[str, Any]) -> float:
        value = cells.get(self.names["weight"])
        try:
            weight = float(value)
        except (TypeError, ValueError, OverflowError):
            weight = math.nan
        if isinstance(value, bool) or not 0 <= weight <= _MOST_WEIGHT:
            wanted = f"a number of 0 or more, up to {_MOST_WEIGHT:.2g}"
            raise self.refused(where, "weight", value, wanted)
        return weight

    def _moment(self, where: str, cells: Mapping[str, Any]) -> float:
        value = cells.get(self.names["time"])
        moment = _moment(value)
        if moment is None:
            wanted = "an ISO 8601 date or time, such as 2026-11-26T09:30:00Z, or a number"
            raise self.refused(where, "time", value, wanted)
        kind = "a number"
        if isinstance(moment, datetime.datetime):
            kind = "a time without a zone" if moment.tzinfo is None else "a time with a zone"
        self._kind = self._kind or kind
        if kind != self._kind:
            wanted = f"{self._kind}, as in the rows above"
            raise self.refused(where, "time", value, wanted)
        if isinstance(moment, float):
            return moment
        return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp()

    def refused(self, where: str, key: str, value: Any, wanted: str) -> Failure:
        given = shown(repr(value))
        given = given if len(given) <= 60 else f"{given[:59]}…"
        return Failure(
            f"{self._place}, {where}: column {shown(self.names[key])!r}: given {given}; allowed: "
            f"{wanted}. {self._next_step}"
        )


def _is_half(text: str) -> bool:
    r"""Whether it holds halves of characters, as JSON writes them: "\ud83d"."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _moment(value: Any) -> datetime.datetime | float | None:
    """A time, or a finite number; None for anything else."""
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        try:
            return datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
    return number if math.isfinite(number) else None
