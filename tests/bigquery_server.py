"""BigQuery as far as it is used: tables and queries by REST, rows by the gRPC of its Read API."""

import datetime
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

PROJECT = "my-project"
_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"
_BLOCK = 7  # rows of one answer


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class BigqueryServer:
    """Both services; a test changes them through the attributes.

    Attributes:
      tables: {"dataset.table": [(when it became so, its rows)]}, oldest first.
      facts: {"dataset.table": what tables.get says besides}.
      answers: {query: rows, or the REST error (status, reason, message) of its job}.
      rest_error: (status, reason, message) or bytes that answer every REST request, or None.
      session_error: a grpc.StatusCode and words for each CreateReadSession, or None.
      fault: called with a stream's name and offset before each block of rows; it returns None, or
        a grpc.StatusCode and words that end the request there.
      garbage: what comes instead of Arrow's record batches.
      sessions: the requests of CreateReadSession.
      offsets: (stream, offset) of each ReadRows.
      authorization: that header of each REST request.
      queries: those that were run.
      most_streams: of a session.
    """

    def __init__(self):
        self.tables, self.facts, self.answers = {}, {}, {}
        self.rest_error = self.session_error = None
        self.fault: Callable[[str, int], tuple | None] = lambda stream, offset: None
        self.sessions, self.offsets, self.authorization, self.queries = [], [], [], []
        self.most_streams, self.garbage = 3, b""
        self._read, self._jobs = {}, {}

    def put(self, name: str, rows: pa.Table | list[dict], when=None) -> None:
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
        when = when or now() - datetime.timedelta(hours=1)
        self.tables.setdefault(name, []).append((when, table))

    def keys(self) -> dict[str, str]:
        """The keys of a source that lead here."""
        return {"api_endpoint": self.rest_url, "storage_endpoint": self.rows_url}

    # REST

    def answer(self, method: str, path: str, body: dict) -> tuple[int, dict | bytes]:
        if isinstance(self.rest_error, bytes):
            return 200, self.rest_error
        if self.rest_error:
            return _rest_error(*self.rest_error)
        path = path.partition("?")[0]
        if found := re.fullmatch(r".*/datasets/(.+)/tables/(.+)", path):
            return self._table(".".join(found.groups()))
        if method == "POST" and path.endswith("/jobs"):
            return self._job(body["jobReference"]["jobId"], body["configuration"]["query"]["query"])
        if found := re.fullmatch(r".*/(jobs|queries)/(.+)", path):
            status, job = self._jobs[found[2]]
            if found[1] == "queries" and status == 200:
                done = {"jobComplete": True, "schema": {"fields": []}, "totalRows": "1"}
                return 200, done | {"jobReference": job["jobReference"]}
            return status, job
        return _rest_error(404, "notFound", f"Not found: {path}")

    def _table(self, name: str):
        if name not in self.tables:
            return _rest_error(404, "notFound", f"Not found: Table {PROJECT}:{name}")
        when, rows = self.tables[name][-1]
        dataset, _, table = name.partition(".")
        reference = {"projectId": PROJECT, "datasetId": dataset, "tableId": table}
        return 200, {
            "tableReference": reference,
            "type": "TABLE",
            "schema": {"fields": [_field(field) for field in rows.schema]},
            "numRows": str(rows.num_rows),
            "lastModifiedTime": str(int(when.timestamp() * 1000)),
        } | self.facts.get(name, {})

    def _job(self, number: str, query: str):
        self.queries.append(query)
        answer = self.answers[query]
        if isinstance(answer, tuple):
            return _rest_error(*answer)
        name = f"_answers.anon{sorted(self.answers).index(query)}"
        if name not in self.tables:
            self.put(name, answer)
        dataset, _, table = name.partition(".")
        destination = {"projectId": PROJECT, "datasetId": dataset, "tableId": table}
        job = {
            "jobReference": {"projectId": PROJECT, "jobId": number, "location": "EU"},
            "configuration": {
                "jobType": "QUERY",
                "query": {"query": query, "destinationTable": destination},
            },
            "status": {"state": "DONE"},
            "statistics": {"query": {"statementType": "SELECT"}},
        }
        self._jobs[number] = 200, job
        return 200, job

    # gRPC

    def create_read_session(self, request, context):
        self.sessions.append(request)
        if self.session_error:
            _abort(context, *self.session_error)
        asked = request.read_session
        _, dataset, table = re.fullmatch(
            "projects/(.+)/datasets/(.+)/tables/(.+)", asked.table
        ).groups()
        rows = self._rows_at(f"{dataset}.{table}", asked.table_modifiers.snapshot_time)
        if rows is None:
            _abort(context, grpc.StatusCode.NOT_FOUND, f"Not found: Table {asked.table}")
        if where := asked.read_options.row_restriction:
            found = re.fullmatch(r"(\w+) = '(.*)'", where)
            if not found:
                words = f"request failed: Row filter is not a valid expression: {where}"
                _abort(context, grpc.StatusCode.INVALID_ARGUMENT, words)
            rows = rows.filter(pc.equal(rows[found[1]], found[2]))
        rows = rows.select(list(asked.read_options.selected_fields))
        number = min(self.most_streams, request.max_stream_count) if rows.num_rows else 0
        name = f"projects/{PROJECT}/locations/eu/sessions/{len(self.sessions)}"
        streams = [f"{name}/streams/{one}" for one in range(number)]
        for one, stream in enumerate(streams):
            mine = rows.take(pa.array(range(one, rows.num_rows, number), pa.int64()))
            self._read[stream] = mine.combine_chunks()
        session = types.ReadSession(name=name, streams=[{"name": one} for one in streams])
        session.arrow_schema.serialized_schema = rows.schema.serialize().to_pybytes()
        return session

    def _rows_at(self, name: str, moment) -> pa.Table | None:
        versions = self.tables.get(name, [])
        if moment:
            at = datetime.datetime.fromtimestamp(moment.timestamp(), datetime.UTC)
            versions = [one for one in versions if one[0] <= at]
        return versions[-1][1] if versions else None

    def read_rows(self, request, context):
        stream, offset = request.read_stream, request.offset
        self.offsets.append((stream, offset))
        rows = self._read[stream]
        while True:
            fault = self.fault(stream, offset)
            if fault:
                _abort(context, *fault)
            if offset >= rows.num_rows:
                return
            [batch] = rows.slice(offset, _BLOCK).to_batches()
            offset += batch.num_rows
            answer = types.ReadRowsResponse(row_count=batch.num_rows)
            content = self.garbage or batch.serialize().to_pybytes()
            answer.arrow_record_batch.serialized_record_batch = content
            yield answer


def _abort(context, code: grpc.StatusCode, words: str, wait: float | None = None):
    """Ends a request; `wait` are seconds that the client is asked to wait."""
    if wait is None:
        context.abort(code, words)
    detail = any_pb2.Any()
    delay = duration_pb2.Duration(nanos=int(wait * 1e9))
    detail.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=code.value[0], message=words, details=[detail])
    context.abort_with_status(rpc_status.to_status(status))


def _rest_error(status: int, reason: str, message: str) -> tuple[int, dict]:
    errors = [{"reason": reason, "message": message}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}


def _field(field: pa.Field) -> dict:
    kind, mode = field.type, "NULLABLE"
    if pa.types.is_list(kind):
        kind, mode = kind.value_type, "REPEATED"
    names = {
        pa.binary(): "BYTES", pa.string(): "STRING", pa.int64(): "INTEGER", pa.float64(): "FLOAT",
        pa.bool_(): "BOOLEAN", pa.date32(): "DATE", pa.timestamp("us", "UTC"): "TIMESTAMP",
    }  # fmt: skip
    return {"name": field.name, "type": names[kind], "mode": mode}


@pytest.fixture
def bigquery_server() -> Iterator[BigqueryServer]:
    """The server, which this process and others of this machine reach by `keys()`."""
    server = BigqueryServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.authorization.append(self.headers.get("Authorization"))
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            status, answer = server.answer(self.command, self.path, body)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    rest = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=rest.serve_forever, args=(0.02,), daemon=True).start()
    handlers = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(
            server.create_read_session,
            types.CreateReadSessionRequest.deserialize,
            types.ReadSession.serialize,
        ),
        "ReadRows": grpc.unary_stream_rpc_method_handler(
            server.read_rows, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
        ),
    }
    rows = grpc.server(ThreadPoolExecutor(16))
    rows.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, handlers)])
    port = rows.add_insecure_port("127.0.0.1:0")
    rows.start()
    server.rest_url = f"http://127.0.0.1:{rest.server_port}"
    server.rows_url = f"http://127.0.0.1:{port}"
    yield server
    rows.stop(None).wait()
    rest.shutdown()
    rest.server_close()
