"""The rows of a manifest."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from components.examples.picture_files import shown
from components.examples.rows import RowReader, Rows, column_names, split_by
from components.manifest_example_gen import tables
from failures import Failure
from settings.manifest_source import ManifestSource

NEXT_STEP = "Correct the manifest, then run again."


def read(
    source: ManifestSource, path: str, root: str, has_masks: bool, multi_label: bool = False
) -> Rows:
    """Reads a manifest.

    Args:
      path, root: absolute; the manifest, and the folder that images stay below.
      has_masks: whether masks are read instead of classes.
      multi_label: whether an image has any number of classes.

    Raises:
      Failure: the file cannot be read, a column is missing, or a cell is not what it must be.
    """
    given = source.columns
    optional = [given.split or "split", given.group or "group", *filter(None, [given.weight])]
    wanted = [given.path, given.label, given.mask, given.time, *optional]
    table = tables.read(path, wanted)
    place = shown(path)
    way = split_by(source, table.columns)
    unread = ["label" if has_masks else "mask"]
    names = column_names(source, way, unread, table.columns, place, NEXT_STEP)
    several = {"several": multi_label, "separator": source.label_separator}
    rows, findings = _distinct(_Reader(place, root, names, several), table.rows)
    if not rows:
        unlabelled = findings.get("unlabelled")
        why = f"all {len(unlabelled):,} rows lack a label" if unlabelled else "it has no rows"
        raise Failure(f"{place}: {why}. {NEXT_STEP}")
    if others := [shown(name) for name in table.columns if name not in names.values()]:
        findings["unread"] = others
    return Rows(rows, way, findings)


def _distinct(reader: "_Reader", found: Iterator[tuple[str, Mapping[str, Any]]]):
    rows, findings = {}, {}
    for where, cells in found:
        row = reader.read(where, cells)
        if row in rows:
            findings.setdefault("repeated", []).append(where)
        elif "label" in reader.names and not row.is_labelled:
            findings.setdefault("unlabelled", []).append(where)
        else:
            rows[row] = None
    return list(rows), findings


class _Reader(RowReader):
    """A reader of rows whose paths stay below a root."""

    def __init__(self, place: str, root: str, names: Mapping[str, str], several: Mapping[str, Any]):
        super().__init__(place, names, NEXT_STEP, **several)
        self._root, self._above = root, os.path.join(root, "")

    def read(self, where: str, cells: Mapping[str, Any]):
        has_mask = "mask" in self.names and cells.get(self.names["mask"])
        image = self._path(where, cells, "path")
        return self.row(where, cells, image, self._path(where, cells, "mask") if has_mask else "")

    def _path(self, where: str, cells: Mapping[str, Any], key: str) -> str:
        value = cells.get(self.names[key])
        if not isinstance(value, str) or not _is_a_name(value):
            raise self.refused(where, key, value, "a path")
        if "\\" in value:
            raise self.refused(where, key, value, "a path with slashes, as images/7.jpg")
        whole = os.path.normpath(os.path.join(self._root, value))
        if not whole.startswith(self._above):
            raise self.refused(where, key, value, f"a path below {self._above} (data.root)")
        return whole.removeprefix(self._above)


def _is_a_name(path: str) -> bool:
    """Whether a file can have it: JSON may hold halves of characters."""
    try:
        return bool(os.fsencode(path)) and "\0" not in path
    except UnicodeEncodeError:
        return False
