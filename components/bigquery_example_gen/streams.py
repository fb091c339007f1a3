"""Reads the rows of a table in parallel streams, each of which goes on where it was cut."""

import datetime
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from components.bigquery_example_gen.clients import Clients
from components.bigquery_example_gen.errors import Patience
from components.bigquery_example_gen.tables import Table
from settings.bigquery_source import BigquerySource

_TIMEOUT = 600.0  # seconds of one request; a stream goes on in the next one


class Session(NamedTuple):
    """The streams that rows come in."""

    streams: Sequence[str]
    schema: pa.Schema


def open_session(
    clients: Clients, table: Table, source: BigquerySource, stopped: threading.Event
) -> Session:
    """Asks for streams of the columns and rows that are read, and of no others."""
    asked = types.ReadSession(
        table=table.path,
        data_format=types.DataFormat.ARROW,
        read_options=types.ReadSession.TableReadOptions(
            selected_fields=list(table.names.values()), row_restriction=source.where or ""
        ),
    )
    if table.is_pinned:
        asked.table_modifiers.snapshot_time = datetime.datetime.fromisoformat(table.snapshot)
    request = types.CreateReadSessionRequest(
        parent=f"projects/{clients.project}", read_session=asked, max_stream_count=source.streams
    )
    patience = Patience(source.retry_seconds, stopped)
    while True:
        try:
            session = clients.rows.create_read_session(request, retry=None, timeout=_TIMEOUT)
            break
        except Exception as error:
            patience.wait(error)
    # A table without rows has no streams, and an empty schema may come with them.
    serialized = session.arrow_schema.serialized_schema
    schema = pa.ipc.read_schema(pa.py_buffer(serialized)) if serialized else pa.schema([])
    return Session([stream.name for stream in session.streams], schema)


def batches(
    clients: Clients,
    stream: str,
    schema: pa.Schema,
    source: BigquerySource,
    stopped: threading.Event,
) -> Iterator[pa.RecordBatch]:
    """The rows of a stream, each once, however often it is cut.

    Args:
      stopped: set where another stream has failed.

    Raises:
      google.api_core.exceptions.GoogleAPICallError: as BigQuery raises it, at once or where trying
        again did not help.
    """
    patience, offset = Patience(source.retry_seconds, stopped), 0
    while not stopped.is_set():
        try:
            request = types.ReadRowsRequest(read_stream=stream, offset=offset)
            for response in clients.rows.read_rows(request, retry=None, timeout=_TIMEOUT):
                batch = _decoded(response, schema)
                offset += batch.num_rows
                yield batch
                patience.reset()
                if stopped.is_set():
                    return
            return
        except Exception as error:
            patience.wait(error)


def _decoded(response: types.ReadRowsResponse, schema: pa.Schema) -> pa.RecordBatch:
    serialized = response.arrow_record_batch.serialized_record_batch
    batch = pa.ipc.read_record_batch(pa.py_buffer(serialized), schema)
    if batch.num_rows != response.row_count:
        raise RuntimeError(f"{batch.num_rows:,} rows came, {response.row_count:,} were announced")
    return batch
