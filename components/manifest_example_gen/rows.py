"""The rows of a manifest, each cell checked and of its type."""

import datetime
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from components.examples.picture_files import shown
from components.manifest_example_gen import tables
from failures import Failure, did_you_mean
from settings.manifest_source import ManifestSource

NEXT_STEP = "Correct the manifest, then run again."


class Row(NamedTuple):
    """One image of the manifest; what is not read or not there is ""."""

    image_path: str  # relative to the root, with slashes
    label: str
    mask_path: str
    group: str
    named_split: str
    moment: float  # seconds or units of the user's own; 0 where not read
    sample_weight: float | None


class Manifest(NamedTuple):
    rows: list[Row]
    split_by: str  # "split", "group", "content" or "time"
    findings: dict[str, list[str]]  # rows and columns that are not used


def read(source: ManifestSource, path: str, root: str, has_masks: bool) -> Manifest:
    """Reads a manifest.

    Args:
      path, root: absolute; the manifest, and the folder that images stay below.
      has_masks: whether masks are read instead of classes.

    Raises:
      Failure: the file cannot be read, a column is missing, or a cell is not what it must be.
    """
    given = source.columns
    optional = [given.split or "split", given.group or "group", *filter(None, [given.weight])]
    wanted = [given.path, given.label, given.mask, given.time, *optional]
    table = tables.read(path, wanted)
    place = shown(path)
    split_by = _split_by(source, table.columns)
    unread = {
        "mask": not has_masks,
        "label": has_masks,
        "weight": not given.weight,
        **{kind: split_by != kind for kind in ("split", "group", "time")},
    }
    names = {key: getattr(given, key) or key for key in type(given).model_fields}
    names = {key: name for key, name in names.items() if not unread.get(key)}
    for key, name in names.items():
        if name not in table.columns:
            raise Failure(_missing(place, key, name, table.columns))
    reader = _Reader(place, root, names)
    rows, findings = _distinct(reader, table.rows)
    if not rows:
        unlabelled = findings.get("unlabelled")
        why = f"all {len(unlabelled):,} rows lack a label" if unlabelled else "it has no rows"
        raise Failure(f"{place}: {why}. {NEXT_STEP}")
    if others := [shown(name) for name in table.columns if name not in names.values()]:
        findings["unread"] = others
    return Manifest(rows, split_by, findings)


def _split_by(source: ManifestSource, columns) -> str:
    """The way that is asked for, or the first of those that the columns and splits allow."""
    if source.split_by:
        return source.split_by
    if source.splits is not None and not source.splits.are_shares:
        return "split"
    given = source.columns
    if source.splits is None and (given.split or "split" in columns):
        return "split"
    return "group" if given.group or "group" in columns else "content"


def _missing(place: str, key: str, name: str, columns) -> str:
    there = list(map(shown, columns))
    return (
        f"{place} has no column {shown(name)!r} (data.columns.{key}). It has: "
        f"{', '.join(there)}{did_you_mean(shown(name), there) or '.'} {NEXT_STEP}"
    )


def _distinct(reader: "_Reader", found: Iterator[tuple[str, Mapping[str, Any]]]):
    rows, findings = {}, {}
    for where, cells in found:
        row = reader.row(where, cells)
        if row in rows:
            findings.setdefault("repeated", []).append(where)
        elif "label" in reader.names and not row.label:
            findings.setdefault("unlabelled", []).append(where)
        else:
            rows[row] = None
    return list(rows), findings


class _Reader:
    """Makes a Row of the cells of one; a cell that cannot be one is a Failure with its place."""

    def __init__(self, place: str, root: str, names: Mapping[str, str]):
        self._place, self._root = place, root
        self._above = os.path.join(root, "")
        self.names = names  # of the columns that are read, by key
        self._kind = None  # of the first time

    def row(self, where: str, cells: Mapping[str, Any]) -> Row:
        has_mask = "mask" in self.names and cells.get(self.names["mask"])
        return Row(
            image_path=self._path(where, cells, "path"),
            label=self._text(where, cells, "label"),
            mask_path=self._path(where, cells, "mask") if has_mask else "",
            group=self._group(where, cells),
            named_split=self._text(where, cells, "split"),
            moment=self._moment(where, cells) if "time" in self.names else 0.0,
            sample_weight=self._weight(where, cells) if "weight" in self.names else None,
        )

    def _text(self, where: str, cells: Mapping[str, Any], key: str) -> str:
        """A text or a whole number as text; "" for a cell that is empty or not read."""
        value = cells.get(self.names[key]) if key in self.names else None
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._refused(where, key, value, "a text or a whole number")
        return str(value)

    def _path(self, where: str, cells: Mapping[str, Any], key: str) -> str:
        value = cells.get(self.names[key])
        if not isinstance(value, str) or not value or "\0" in value:
            raise self._refused(where, key, value, "a path")
        if "\\" in value:
            raise self._refused(where, key, value, "a path with slashes, as images/7.jpg")
        whole = os.path.normpath(os.path.join(self._root, value))
        if not whole.startswith(self._above):
            raise self._refused(where, key, value, f"a path below {self._above} (data.root)")
        return whole.removeprefix(self._above)

    def _group(self, where: str, cells: Mapping[str, Any]) -> str:
        group = self._text(where, cells, "group")
        if "group" in self.names and not group:
            raise self._refused(where, "group", "", "a group for every image")
        return group

    def _weight(self, where: str, cells: Mapping[str, Any]) -> float:
        value = cells.get(self.names["weight"])
        try:
            weight = float(value)
        except (TypeError, ValueError, OverflowError):
            weight = math.nan
        if isinstance(value, bool) or not math.isfinite(weight) or weight < 0:
            raise self._refused(where, "weight", value, "a number of 0 or more")
        return weight

    def _moment(self, where: str, cells: Mapping[str, Any]) -> float:
        value = cells.get(self.names["time"])
        moment = _moment(value)
        if moment is None:
            wanted = "an ISO 8601 date or time, such as 2026-11-26T09:30:00Z, or a number"
            raise self._refused(where, "time", value, wanted)
        kind = "a number"
        if isinstance(moment, datetime.datetime):
            kind = "a time without a zone" if moment.tzinfo is None else "a time with a zone"
        self._kind = self._kind or kind
        if kind != self._kind:
            wanted = f"{self._kind}, as in the rows above"
            raise self._refused(where, "time", value, wanted)
        if isinstance(moment, float):
            return moment
        return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp()

    def _refused(self, where: str, key: str, value: Any, wanted: str) -> Failure:
        given = shown(repr(value))
        given = given if len(given) <= 60 else f"{given[:59]}…"
        return Failure(
            f"{self._place}, {where}: column {shown(self.names[key])!r}: given {given}; allowed: "
            f"{wanted}. {NEXT_STEP}"
        )


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
