"""Reads the rows of a CSV, JSONL or Parquet file, each as a mapping of texts and values."""

import codecs
import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from components.examples.picture_files import shown
from failures import Failure
from files.places import is_missing, opened, reading

NEXT_STEP = "Correct data.path or the file, then run again."
_MOST_CELL = 1 << 20  # characters; a longer cell is an open quotation mark
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class Table(NamedTuple):
    """A manifest as it is in its file."""

    columns: Sequence[str]
    rows: Iterator[tuple[str, Mapping[str, Any]]]  # its place, as in "line 5", and its cells


def read(path: str, wanted: Sequence[str]) -> Table:
    """Opens a manifest; its suffix tells the format.

    Args:
      wanted: the columns to read, where the format allows to read some.

    Raises:
      Failure: the file is missing, cannot be read, or is damaged; also while its rows are read.
    """
    place = shown(path)
    with reading(place, NEXT_STEP):
        try:
            with opened(path) as file:
                head = file.read(4)
        except Exception as error:
            if not is_missing(error):
                raise
            raise Failure(f"{place}: there is no such file. Correct data.path.") from None
    if path.endswith(".parquet"):
        return _parquet(path, place, wanted)
    for mark, encoding in _OTHER_ENCODINGS.items():
        if head.startswith(mark):
            raise Failure(f"{place} is {encoding}. Save it as UTF-8, then run again.")
    return _csv(path, place) if path.endswith(".csv") else _jsonl(path, place)


def _csv(path: str, place: str) -> Table:
    rows = _csv_rows(path, place)
    columns = next(rows, ("", []))[1]
    if not columns:
        raise Failure(f"{place} is empty. {NEXT_STEP}")
    if len(columns) == 1 and (other := [mark for mark in ";\t|" if mark in columns[0]]):
        raise Failure(
            f"{place}: its columns are separated by {other[0]!r}. Separate them by commas, then "
            "run again."
        )
    _check_names(columns, place)

    def named():
        for where, cells in rows:
            if not cells:  # a blank line
                continue
            if len(cells) != len(columns):
                raise Failure(
                    f"{place}, {where}: {len(cells)} cells, and there are {len(columns)} columns. "
                    "Quote cells that hold commas or line breaks, then run again."
                )
            yield where, dict(zip(columns, cells, strict=True))

    return Table(columns, named())


def _check_names(columns: Sequence[str], place: str) -> None:
    for name in columns:
        if columns.count(name) > 1:
            raise Failure(f"{place}: two columns are called {shown(name)!r}. Rename one of them.")


def _csv_rows(path: str, place: str) -> Iterator[tuple[str, list[str]]]:
    csv.field_size_limit(_MOST_CELL)
    # No line ends are changed on the way: a quoted cell may hold some.
    lines = (line + end for line, end in _lines(path, place))
    found = csv.reader(lines, strict=True, skipinitialspace=True)
    before = 0
    try:
        for cells in found:
            yield f"line {before + 1:,}", cells
            before = found.line_num
    except csv.Error as error:
        lone = "a line ends with CR alone, and not as on Unix or Windows"
        cause = lone if "new-line" in str(error) else error  # Python's advice is on open().
        raise Failure(
            f"{place}, line {before + 1:,}: not valid CSV: {cause}. {NEXT_STEP}"
        ) from None


def _lines(path: str, place: str) -> Iterator[tuple[str, str]]:
    """The lines of UTF-8 text with their ends; a byte order mark in front is passed over."""
    with reading(place, NEXT_STEP), opened(path) as file:
        for number, line in enumerate(file, start=1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                raise Failure(
                    f"{place}, line {number:,}: not UTF-8 text (byte {error.start + 1} of the "
                    "line). Save it as UTF-8, then run again."
                ) from None
            whole = text.rstrip("\r\n")
            yield whole, text[len(whole) :]


def _jsonl(path: str, place: str) -> Table:
    columns = {}  # Any row may have one that no other has, so all are read twice.
    for _, row in _objects(path, place):
        columns |= dict.fromkeys(row)
    if not columns:
        raise Failure(f"{place} is empty. {NEXT_STEP}")
    return Table(list(columns), _objects(path, place))


def _objects(path: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, (line, _) in enumerate(_lines(path, place), start=1):
        if not line.strip():
            continue
        where = f"line {number:,}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            cause = getattr(error, "msg", str(error).partition(";")[0])  # such as a huge number
            if isinstance(error, RecursionError):
                cause = "it is nested too deeply"
            raise Failure(f"{place}, {where}: not valid JSON: {cause}. {NEXT_STEP}") from None
        if not isinstance(row, dict):
            example = '{"path": "a.jpg", "label": "cat"}'
            raise Failure(f"{place}, {where}: not a JSON object, as in {example}. {NEXT_STEP}")
        yield where, row


def _parquet(path: str, place: str, wanted: Iterable[str]) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def refused(error) -> Failure:
        cause = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        return Failure(f"{place} is not a whole Parquet file: {cause}. {NEXT_STEP}")

    # A damaged file raises any of them: ArrowInvalid is a ValueError, a bad footer an OSError.
    damage = (pa.ArrowException, OSError, ValueError)
    try:
        file = pq.ParquetFile(path)
    except damage as error:
        raise refused(error) from None
    columns = list(file.schema_arrow.names)
    _check_names(columns, place)

    def rows():
        number = 0
        try:
            for batch in file.iter_batches(columns=[name for name in wanted if name in columns]):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number:,}", row
        except damage as error:
            raise refused(error) from None
        finally:
            file.close()

    return Table(columns, rows())
