"""The rows of a table and what to report about them, before Examples are written."""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from components.bigquery_example_gen import spool
from components.bigquery_example_gen.clients import Clients, connected
from components.bigquery_example_gen.rows import Part, read_part
from components.bigquery_example_gen.spool import Place, SpoolReader
from components.bigquery_example_gen.streams import batches, open_session
from components.bigquery_example_gen.tables import NEXT_STEP, Table
from components.engine import run_shards
from components.examples.contents import ImageFiles
from components.examples.entries import repeated
from components.examples.findings import remarks
from components.examples.picture_files import shown
from components.examples.row_splits import laid_out
from components.examples.rows import Rows
from components.free_memory import free_memory
from failures import Failure
from settings.bigquery_source import BigquerySource
from settings.data import Features

GIB = 1 << 30
ROW_BYTES = 640  # of memory: a row's name, class, split and digest, and where its image is
_WAY_ON = "Add images of it, leave its rows out by data.where or data.query, or set data.splits."


@dataclass(frozen=True)
class TableRows(ImageFiles):
    """Images of rows, whose contents are in a spool."""

    places: Mapping[str, Place] = field(kw_only=True)  # of images and masks, by name
    kept_until: str = field(kw_only=True)  # of a query's result; "" for a table

    @property
    def remarks(self):
        kept = f"BigQuery keeps this result until {self.kept_until}; a run after that queries again"
        return super().remarks + [kept] * bool(self.kept_until)

    def reader(self, found):
        return SpoolReader(self.places, found)


@contextlib.contextmanager
def rows_of(
    table: Table, source: BigquerySource, features: Features, uri: str
) -> Iterator[TableRows]:
    """Reads all rows; their contents are there within the block.

    Args:
      uri: the folder of the artifact.

    Raises:
      Failure: as `BigqueryExampleGen`.
    """
    place = shown(table.name)
    _check_memory(table, place)
    with spool.spool_folder(uri) as folder:
        with connected(source) as clients:
            parts = _parts(clients, table, source, folder)
        part = _joined(parts, place, table.names.get("key"))
        _check_any(part, place)
        has_masks = features.mask_feature is not None
        rows = Rows(part.rows, table.split_by, part.findings)
        roles, left_out = laid_out(rows, part.pictures, source.splits, has_masks, place)
        findings = part.findings | left_out | repeated(roles)
        kept = {"places": part.pictures, "kept_until": table.kept_until}
        del rows, part
        yield TableRows(folder, roles, findings, place, _WAY_ON, **kept)


def _parts(clients: Clients, table: Table, source: BigquerySource, folder: str) -> list[Part]:
    """What came in each stream; the first that fails ends all."""
    stopped = threading.Event()
    session = open_session(clients, table, source, stopped)

    def read(number: int) -> Part:
        stream = session.streams[number]
        try:
            with spool.spool_file(os.path.join(folder, f"{number:05d}")) as append:
                found = batches(clients, stream, session.schema, source, stopped)
                return read_part(table, source, number, found, append)
        except BaseException:
            stopped.set()
            raise

    numbers = range(len(session.streams))
    return list(run_shards(read, numbers, folder, threads=max(1, len(numbers))))


def _joined(parts: Sequence[Part], place: str, key: str | None) -> Part:
    """All streams as one, whatever their order."""
    joined = Part([], {}, {})
    names = set()
    for part in parts:
        for row in part.rows if key else ():  # Without a key, names are places in streams.
            if row.image_path in names:
                raise Failure(
                    f"{place}: column {shown(str(key))!r} (data.columns.key) has "
                    f"{shown(row.image_path)} twice; allowed: another value in each row. "
                    f"{NEXT_STEP}"
                )
            names.add(row.image_path)
        joined.rows.extend(part.rows)
        joined.pictures.update(part.pictures)
        for kind, found in part.findings.items():
            joined.findings.setdefault(kind, []).extend(found)
    for found in joined.findings.values():
        found.sort()
    return joined


def _check_memory(table: Table, place: str) -> None:
    needed, free = table.most_rows * ROW_BYTES, free_memory()
    if needed > free:
        raise Failure(
            f"{place} has {table.most_rows:,} rows, which take {needed / GIB:.1f} GiB of memory, "
            f"and {free / GIB:.1f} GiB are free. Read fewer by data.query, or on a larger machine."
        )


def _check_any(part: Part, place: str) -> None:
    if not part.rows and not part.findings:
        raise Failure(
            f"{place}: there are no rows to read. Correct what data names, then run again."
        )
    if not any(row.image_path in part.pictures for row in part.rows):
        why = "; ".join(line.removeprefix("warning: ") for line in remarks(part.findings))
        raise Failure(f"{place}: no row has a whole image and a label: {why}. {NEXT_STEP}")
