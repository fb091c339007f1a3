"""The rows of one stream: each with its name, its cells checked, and its images spooled."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from components.bigquery_example_gen.spool import Place
from components.bigquery_example_gen.tables import NEXT_STEP, Table
from components.examples.picture_files import MOST_BYTES, shown
from components.examples.rows import Row, RowReader
from components.image_files import HEAD, is_whole, kind_of, other_kind
from components.in_parallel import in_threads
from files.buckets.addresses import is_bucket
from files.places import is_missing, opened, reading
from settings.bigquery_source import BigquerySource

_FETCHES = 8  # files that are read at once for one stream
_FILE_NEXT_STEP = "Correct its permissions or the row, then run again."
_OF_MASK = " (mask)"  # follows the name of the row
_Found = tuple[bytes | None, str]  # a content, or why there is none


class Part(NamedTuple):
    """What came in a stream."""

    rows: list[Row]
    pictures: dict[str, Place]  # whole images and masks, by name
    findings: dict[str, list[str]]


def read_part(
    table: Table,
    source: BigquerySource,
    number: int,
    batches: Iterable[pa.RecordBatch],
    append: Callable[[bytes], Place],
) -> Part:
    """Reads the rows of a stream.

    Args:
      number: of the stream, from 0.
      append: takes a content into the spool.

    Raises:
      Failure: a cell is not what it must be, or a file of a path cannot be read.
    """
    part, reader = Part([], {}, {}), ContentReader(table, source, number)
    for batch in batches:
        for where, cells, contents in reader.contents_of(batch):
            _take(part, where, reader, cells, contents, append)
    return part


def _take(part: Part, where: str, reader: "ContentReader", cells, contents, append) -> None:
    row = reader.row(where, cells, where, where + _OF_MASK if "mask" in contents else "")
    kind = ""
    if "label" in reader.names and not row.label:
        kind = "unlabelled"
    else:
        for key, name in {"mask": row.mask_path, "image": row.image_path}.items():
            if key in contents:
                kind = _put(part, name, *contents[key], append)
    if kind:
        part.findings.setdefault(kind, []).append(where)
    if kind != "unlabelled":
        part.rows.append(row)


def _put(part: Part, name: str, content: bytes | None, kind: str, append) -> str:
    """Takes a whole picture in; returns what to report about any other."""
    if content is None:
        return kind
    kind = _fault_of(content)
    if not kind:
        part.pictures[name] = append(content)
    return kind


def _fault_of(content: bytes) -> str:
    if not content:
        return "empty"
    if len(content) > MOST_BYTES:
        return "huge"
    kind = kind_of(content[:HEAD])
    if not kind and other_kind(content[:HEAD]):
        return "unsupported"
    return "" if kind and is_whole(content, kind) else "broken"


class ContentReader(RowReader):
    """Reads the cells of rows, and the files of paths."""

    def __init__(self, table: Table, source: BigquerySource, number: int):
        super().__init__(shown(table.name), table.names, NEXT_STEP)
        self._has_paths, self._stream, self._rows = source.has_paths, number, 0
        self._root = source.root and os.path.expanduser(source.root)
        self._pictures = {
            key: self.names[column]
            for key, column in {"image": self._image_key, "mask": "mask"}.items()
            if column in self.names
        }

    @property
    def _image_key(self) -> str:
        return "path" if self._has_paths else "image"

    def contents_of(
        self, batch: pa.RecordBatch
    ) -> Iterator[tuple[str, Mapping[str, Any], dict[str, _Found]]]:
        """Of each row its name, its cells, and the contents of its image and mask."""
        rows = [(self._name(cells), cells) for cells in batch.to_pylist()]

        def found(row):
            where, cells = row
            return where, cells, {key: self._found(where, cells, key) for key in self._pictures}

        yield from in_threads(found, rows, _FETCHES) if self._has_paths else map(found, rows)

    def _name(self, cells: Mapping[str, Any]) -> str:
        self._rows += 1
        where = f"stream {self._stream + 1} row {self._rows:,}"
        if "key" not in self.names:
            return where
        name = self.text(where, cells, "key")
        if not name:
            raise self.refused(where, "key", name, "a key in each row")
        return name

    def _found(self, where: str, cells: Mapping[str, Any], key: str) -> _Found:
        value = cells.get(self._pictures[key])
        if value is None or value == "":
            return None, "imageless"
        if not self._has_paths:
            return value, ""
        path = self._path(where, value, "path" if key == "image" else key)
        with reading(shown(path), _FILE_NEXT_STEP):
            try:
                with opened(path) as file:
                    return file.read(MOST_BYTES + 1), ""
            except Exception as error:
                if not is_missing(error):
                    raise
                return None, "missing"

    def _path(self, where: str, value: str, key: str) -> str:
        if is_bucket(value):
            return value
        if self._root is None:
            wanted = "an s3:// or gs:// address, or set data.root"
            raise self.refused(where, key, value, wanted)
        within = os.path.normpath(value)
        if os.path.isabs(within) or within.split("/")[0] == ".." or "\0" in value:
            raise self.refused(where, key, value, f"a path below {self._root} (data.root)")
        return f"{self._root.rstrip('/')}/{within}"
