"""The images of a table of BigQuery, copied once, so that a job can go on with the same rows."""

import json
import os
import threading

from components.batch_predictor.job import ROWS, alone_in, refuse_other_files
from components.batch_predictor.sources import Run, runs_of_records
from components.bigquery_example_gen.clients import connected, name_of
from components.bigquery_example_gen.rows import ContentReader
from components.bigquery_example_gen.streams import batches, open_session
from components.bigquery_example_gen.tables import Table, find
from components.examples.picture_files import shown
from components.in_parallel import in_threads
from failures import Failure
from files import tfrecords, writing
from files.places import read_json
from files.strict_json import text_of
from settings.bigquery_source import BigquerySource

_INDEX = "rows.json"
# The keys of the source on which the rows that a job predicts depend.
_OF_ROWS = ("table", "query", "where", "snapshot", "root", "project", "location")
_COLUMNS = ("image", "path", "key")
_NEXT_STEP = "Free space, or name another folder with --output; the same command begins again."


def runs_of_table(source: BigquerySource, output: str) -> list[Run]:
    """The images of a table, or of a query's result, each named by its key.

    Args:
      output: the folder of the predictions, which gets the rows too: of a table's streams, only
        what has come once has an order.

    Raises:
      Failure: BigQuery cannot be read, a column is missing, the folder holds other rows or files,
        is in use or cannot be written; or there are no rows.
    """
    folder = os.path.join(output, ROWS)
    asked = source.model_dump_json()
    with writing.reported(output, _NEXT_STEP):
        writing.make_folder(output)
        refuse_other_files(output)
        # Whoever copies removes what another one has begun.
        with alone_in(output):
            if not os.path.exists(folder):
                with writing.whole_folder(folder) as unfinished:
                    _copy(source, asked, unfinished)
    index = read_json(os.path.join(folder, _INDEX))
    if index is None:
        raise Failure(
            f"{folder} is damaged. Name another folder with --output, or remove this one."
        )
    if others := _changed(index["asked"], asked):
        raise Failure(
            f"--output {output} holds rows of another {' and '.join(others)}. Name another folder, "
            "or remove this one."
        )
    runs = []
    for name, names in index["files"].items():
        run = Run(shown(name_of(source)), 0, len(names), tuple(names))
        runs += runs_of_records(run, os.path.join(folder, name), index["version"])
    if not runs:
        raise Failure(f"{shown(name_of(source))} has no rows. Name another table or query.")
    return runs


def _changed(before: str, now: str) -> list[str]:
    """The keys of two sources as JSON that decide which rows there are, and differ.

    Another version of this project may know more keys, or fewer.
    """
    first, second = json.loads(before), json.loads(now)
    found = [f"data.{key}" for key in _OF_ROWS if first.get(key) != second.get(key)]
    first, second = first["columns"], second["columns"]
    return found + [f"data.columns.{key}" for key in _COLUMNS if first.get(key) != second.get(key)]


def _copy(source: BigquerySource, asked: str, folder: str) -> None:
    os.mkdir(folder)
    stopped = threading.Event()
    with connected(source) as clients:
        table = find(clients, source, only={"path" if source.has_paths else "image", "key"})
        session = open_session(clients, table, source, stopped)

        def copied(number: int) -> list[str]:
            try:
                found = batches(clients, session.streams[number], session.schema, source, stopped)
                return _copy_stream(table, source, number, found, folder)
            except BaseException:
                stopped.set()
                raise

        numbers = range(len(session.streams))
        names = list(in_threads(copied, numbers, max(1, len(numbers))))
    files = {_file_of(number): found for number, found in enumerate(names) if found}
    index = {"asked": asked, "version": f"{table.version} at {table.snapshot}", "files": files}
    writing.write(os.path.join(folder, _INDEX), text_of(index))


def _copy_stream(table: Table, source: BigquerySource, number: int, found, folder: str):
    """Writes the images of a stream, a record each, and returns the rows' names."""
    names, reader = [], ContentReader(table, source, number)
    with open(os.path.join(folder, _file_of(number)), "wb") as file:
        for batch in found:
            for name, _, contents in reader.contents_of(batch):
                [(content, _)] = contents.values()
                file.write(tfrecords.frame(content or b""))
                names.append(name)
    return names


def _file_of(number: int) -> str:
    return f"{number:05d}.tfrecord"
