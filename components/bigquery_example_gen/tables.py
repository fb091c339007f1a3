"""What is read: a table at a time, or the result of a query; its columns and their types."""

import datetime
from collections.abc import Collection
from typing import NamedTuple

from google.cloud import bigquery
from google.cloud.bigquery import retry as retries

from components.bigquery_example_gen.clients import Clients, name_of
from components.examples.picture_files import shown
from components.examples.rows import column_names, split_by
from failures import Failure
from settings.bigquery_source import BigquerySource

NEXT_STEP = "Correct data.columns or the table, then run again."
_TIMEOUT = 60.0  # seconds of one request
_TEXTS = ("STRING", "INTEGER")
_NUMBERS = ("INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC")
_TYPES = {
    "image": ("BYTES",),
    "path": ("STRING",),
    "time": ("TIMESTAMP", "DATETIME", "DATE", "INTEGER", "FLOAT"),
    "weight": _NUMBERS,
}
_OTHER_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "DECIMAL": "NUMERIC"}
_READABLE = ("TABLE", "SNAPSHOT", "CLONE")
_AT = " at "


class Table(NamedTuple):
    """A table as it is read."""

    path: str  # as in projects/p/datasets/d/tables/t
    name: str  # for messages and reports
    version: str  # stands for the content: another one wherever the rows could be others
    snapshot: str  # the time as of which it is read, as in 2026-11-26T09:30:00Z
    is_pinned: bool  # whether that time is asked for; a query's result and a snapshot never change
    names: dict[str, str]  # the columns that are read, by key
    split_by: str
    most_rows: int  # 0 where a condition picks some, so that the number is not known
    kept_until: str  # when BigQuery drops the result of a query; "" for a table


def find(
    clients: Clients,
    source: BigquerySource,
    has_masks: bool = False,
    version: str = "",
    only: Collection[str] = (),
) -> Table:
    """Finds a table, or runs the query, and checks the columns.

    Args:
      has_masks: whether masks are read instead of classes.
      version: what an earlier look found, whose time is read again if it has one.
      only: the keys whose columns are read, if not all are.

    Raises:
      Failure: a column is missing or of another type, or the table is a view.
      google.api_core.exceptions.GoogleAPICallError: anything else that BigQuery refuses.
    """
    retry = retries.DEFAULT_RETRY.with_timeout(source.retry_seconds)
    table = clients.rest.get_table(_reference(clients, source, retry), retry, _TIMEOUT)
    name = name_of(source)
    place = shown(name)
    if source.table is not None:
        _check_readable(table, place)
    columns = [field.name for field in table.schema]
    way = split_by(source, columns)
    unread = {"label" if has_masks else "mask", "image" if source.has_paths else "path"}
    if only:
        unread = type(source.columns).model_fields.keys() - only
    if source.columns.key is None:
        unread.add("key")
    names = column_names(source, way, unread, columns, place, NEXT_STEP)
    _check_types(table.schema, names, place, source.has_paths)
    full = f"{table.project}.{table.dataset_id}.{table.table_id}"
    # An earlier look may have met a streaming buffer that is empty by now.
    earlier = version.partition(f"{full}{_AT}")[2]
    fixed = source.snapshot or earlier
    snapshot = fixed or _snapshot(table, source)
    is_of_a_time = fixed or _changes_unseen(table, source)
    of_when = f"{_AT}{snapshot}" if is_of_a_time else f" of {_text(table.modified)}"
    return Table(
        path=table.path.removeprefix("/"),
        name=name,
        version=f"{full}{of_when}",
        snapshot=snapshot,
        is_pinned=source.table is not None and table.table_type != "SNAPSHOT",
        names=names,
        split_by=way,
        most_rows=0 if source.where else table.num_rows or 0,
        kept_until=_text(table.expires) if source.query and table.expires else "",
    )


def _reference(clients: Clients, source: BigquerySource, retry):
    if source.table is not None:
        return bigquery.TableReference.from_string(source.table, default_project=clients.project)
    job = clients.rest.query(
        source.query,
        retry=retry,
        job_retry=retries.DEFAULT_JOB_RETRY.with_timeout(source.retry_seconds),
        timeout=_TIMEOUT,
    )
    job.result(max_results=0, retry=retry)
    if job.destination is None:
        raise Failure(f"{shown(name_of(source))} has no rows for an answer. Correct data.query.")
    return job.destination


def _check_readable(table: bigquery.Table, place: str) -> None:
    if table.table_type not in _READABLE:
        kind = table.table_type.lower().replace("_", " ")
        raise Failure(
            f"{place} is a {kind}, which the Storage Read API cannot read as of a time. Read it by "
            f"data.query: SELECT * FROM `{place}`."
        )


def _changes_unseen(table: bigquery.Table, source: BigquerySource) -> bool:
    """Whether the time of its last modification does not stand for the content."""
    # Rows that stream in do not always count as a modification, nor do files behind paths; and
    # emulators do not say when there was one.
    return table.streaming_buffer is not None or source.has_paths or not table.modified


def _snapshot(table: bigquery.Table, source: BigquerySource) -> str:
    """The start of this second; the last modification, if it is later, or of a query's result."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    modified = table.modified or now
    if source.query is not None:
        return _text(modified)
    # BigQuery cuts the time of a modification off at the millisecond.
    return _text(max(now, modified + datetime.timedelta(milliseconds=1)))


def _text(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def _check_types(schema, names: dict[str, str], place: str, has_paths: bool) -> None:
    fields = {field.name: field for field in schema}
    types = _TYPES | {"mask": _TYPES["path" if has_paths else "image"]}
    for key, name in names.items():
        kind = _OTHER_NAMES.get(fields[name].field_type, fields[name].field_type)
        allowed = types.get(key, _TEXTS)
        if fields[name].mode == "REPEATED":
            kind = f"REPEATED {kind}"
        if kind not in allowed:
            raise Failure(
                f"{place}: column {shown(name)!r} (data.columns.{key}) is {kind}; allowed: "
                f"{' or '.join(allowed)}. {NEXT_STEP}"
            )
