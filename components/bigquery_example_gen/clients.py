"""BigQuery's two services: REST for tables and queries, gRPC for rows."""

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import google.auth
import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1.services.big_query_read import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
    BigQueryReadGrpcTransport,
)

from components.bigquery_example_gen.errors import failure_of
from failures import Failure
from settings.bigquery_source import BigquerySource

_EMULATOR = "BIGQUERY_EMULATOR_HOST"
_SCOPES = ("https://www.googleapis.com/auth/bigquery",)
_NO_LIMIT = [("grpc.max_receive_message_length", -1)]


class Clients(NamedTuple):
    """Both services, for one project that pays."""

    rest: bigquery.Client
    rows: BigQueryReadClient
    project: str


@contextlib.contextmanager
def connected(source: BigquerySource) -> Iterator[Clients]:
    """The clients of a source; what they raise in the block becomes one line.

    Credentials come from Google's usual places, and go to https alone.
    """
    name = name_of(source)
    try:
        clients = _clients(source, name)
        with contextlib.closing(clients.rest), clients.rows:
            yield clients
    except Exception as error:
        failure = failure_of(error, name, source)
        if failure is None:
            raise
        raise failure from error


def name_of(source: BigquerySource) -> str:
    """What is read, for messages: the table, or the beginning of the query."""
    if source.table is not None:
        return source.table
    query = " ".join(source.query.split())
    return query if len(query) <= 60 else f"{query[:59]}…"


def _clients(source: BigquerySource, name: str) -> Clients:
    api = source.api_endpoint or os.environ.get(_EMULATOR)
    if api is not None and "://" not in api:
        api = f"http://{api}"
    storage = source.storage_endpoint
    is_open = [one for one in (api, storage) if one is not None and one.startswith("http:")]
    if is_open and not (api and storage):
        raise Failure(
            f"{is_open[0]} is not an https address, so it gets no credentials, and then no service "
            "does. Set both data.api_endpoint and data.storage_endpoint."
        )
    credentials, project = AnonymousCredentials(), None
    if not is_open:
        credentials, project = google.auth.default(_SCOPES)
    of_table = (source.table or "").rpartition(".")[0].rpartition(".")[0]
    project = source.project or project or of_table
    if not project:
        raise Failure(f"{name}: the credentials name no project that pays. Set data.project.")
    options = {"api_endpoint": api} if api else {}
    rest = bigquery.Client(
        project, credentials, location=source.location, client_options=options or None
    )
    return Clients(rest, _rows_client(storage, credentials), project)


def _rows_client(endpoint: str | None, credentials) -> BigQueryReadClient:
    if endpoint is None:
        return BigQueryReadClient(credentials=credentials)
    scheme, _, host = endpoint.partition("://")
    if scheme == "https":
        return BigQueryReadClient(credentials=credentials, client_options={"api_endpoint": host})
    host = host if ":" in host else f"{host}:80"
    channel = grpc.insecure_channel(host, options=_NO_LIMIT)
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
