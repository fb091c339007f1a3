"""What can be wrong with a table, a query or the way there: one line each, nothing half-written."""

import grpc
import pytest

from failures import Failure
from settings.bigquery_source import BigquerySource
from tests.bucket_servers import free_port
from tests.components.source_images import mask_bytes

VIEW = {"type": "VIEW"}
ELSEWHERE = {"table": "my-project.pets.elsewhere"}


def every(**cells):
    def spoil(server, rows):
        for row in rows:
            row |= cells
        server.put("pets.photos", rows)

    return spoil


def one(**cells):
    def spoil(server, rows):
        every()(server, [*rows[:-1], rows[-1] | cells])

    return spoil


def with_facts(**facts):
    def spoil(server, rows):
        every()(server, rows)
        server.facts["pets.photos"] = facts

    return spoil


def refusing(**errors):
    def spoil(server, rows):
        every()(server, rows)
        server.__dict__.update(errors)

    return spoil


def failing_at(offset, code, words):
    def spoil(server, rows):
        every()(server, rows)
        error = getattr(grpc.StatusCode, code), words
        server.fault = lambda stream, at: error if at >= offset else None

    return spoil


def answering(error):
    def spoil(server, rows):
        server.answers["SELECT 1"] = error

    return spoil


def nothing_there(server, rows):
    every()(server, rows)
    server.rest_url = f"http://127.0.0.1:{free_port()}"


def no_rows_service(server, rows):
    every()(server, rows)
    server.rows_url = f"http://127.0.0.1:{free_port()}"


def half_open(server, rows):
    server.rows_url = None


def without_credentials(server, rows):
    server.rest_url = server.rows_url = None


def no_rows(server, rows):
    every()(server, rows)
    server.tables["pets.photos"] = [(server.tables["pets.photos"][0][0], _empty(server))]


def _empty(server):
    return server.tables["pets.photos"][0][1].slice(0, 0)


GONE = grpc.StatusCode.NOT_FOUND, "Not found: Table my-project:pets.photos"
DENIED = grpc.StatusCode.PERMISSION_DENIED, "Permission bigquery.readsessions.create denied"
QUERY = {"query": "SELECT 1"}
PATHS = {"columns": {"path": "label", "label": "id"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "keys", "expected"),
    [
        (every(), ELSEWHERE, "there is no such table, or it was removed while it was read: "),
        (refusing(session_error=GONE), {}, "there is no such table, or it was removed while it"),
        (failing_at(7, "NOT_FOUND", "Table is gone"), {}, "it was removed while it was read"),
        (with_facts(**VIEW), {}, "is a view, which the Storage Read API cannot read as of a time"),
        (every(), {"columns": {"image": "imgae"}}, "has no column 'imgae' (data.columns.image)"),
        (every(), {"columns": {"image": "label", "label": "id"}},
         "column 'label' (data.columns.image) is STRING; allowed: BYTES."),
        (every(label=["a", "b"]), {}, "is REPEATED STRING; allowed: STRING or INTEGER."),
        (every(label=1.5), {}, "column 'label' (data.columns.label) is FLOAT; allowed: STRING or"),
        (refusing(rest_error=(403, "accessDenied", "Access Denied: User")), {},
         "access is denied: "),
        (refusing(session_error=DENIED), {}, "Grant the roles bigquery.dataViewer and bigquery."),
        (refusing(rest_error=(401, "authError", "Invalid Credentials")), {},
         "no valid credentials were found. Set GOOGLE_APPLICATION_CREDENTIALS"),
        (without_credentials, {}, "no valid credentials were found. Set GOOGLE_APPLICATION"),
        (half_open, {}, "Set both data.api_endpoint and data.storage_endpoint."),
        (refusing(rest_error=(403, "quotaExceeded", "Quota exceeded: too many")), {},
         "a quota of BigQuery is used up: "),
        (failing_at(7, "RESOURCE_EXHAUSTED", "Quota of bytes per minute"), {"retry_seconds": 0.5},
         "BigQuery throttles (RESOURCE_EXHAUSTED), and 0.5 seconds of trying again did not help"),
        (failing_at(7, "UNAVAILABLE", "Socket closed"), {"retry_seconds": 0.5},
         "BigQuery cannot be reached or drops connections, and 0.5 seconds of trying again"),
        (failing_at(7, "FAILED_PRECONDITION", "the session expired at 12:00"), {},
         "the read session expired before all rows were read"),
        (nothing_there, {"retry_seconds": 0.5}, "BigQuery cannot be reached"),
        (no_rows_service, {"retry_seconds": 0.5}, "BigQuery cannot be reached"),
        (every(), {"where": "label ="}, "Row filter is not a valid expression: label =. Correct"),
        (answering((400, "invalidQuery", "Syntax error: Unexpected end")), QUERY,
         "BigQuery refuses: "),
        (answering((403, "accessDenied", "no jobs for you")), QUERY, "and bigquery.jobUser."),
        (answering((403, "responseTooLarge", "Response too large to return")), QUERY,
         "BigQuery refuses: "),
        (refusing(rest_error=b"<html>a proxy</html>"), {}, "server that answers is not BigQuery"),
        (refusing(garbage=b"no Arrow"), {}, "server that answers is not BigQuery"),
        (no_rows, {}, "there are no rows to read. Correct"),
        (every(image=b"nonsense"), {}, "no row has a whole image and a label: 120 broken images"),
        (every(label="cat"), {}, "has one class only, cat"),
        (one(id=7), {}, "column 'id' (data.columns.key) has 7 twice"),
        (one(id=None), {}, "column 'id': given ''; allowed: a key in each row."),
        (every(group="") , {}, "column 'group': given ''; allowed: a group for every image"),
        (every(split="holdout"), {}, "120 rows have a split that is not one of train, validation"),
        (every(weight=-1.0), {"columns": {"weight": "weight"}}, "allowed: a number of 0 or more"),
        (every(), PATHS, "given 'cat'; allowed: an s3:// or gs:// address, or set data.root."),
        (every(label="../../etc/passwd"), PATHS | {"root": "/tmp"},
         "given '../../etc/passwd'; allowed: a path below /tmp (data.root)."),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line_and_leaves_nothing(
    spoil, keys, expected, bigquery_server, rows, ingest, tmp_path, monkeypatch
):
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    spoil(bigquery_server, rows)
    with pytest.raises(Failure) as refused:
        ingest(**keys)
    assert expected in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    files = (path for path in (tmp_path / "examples").rglob("*") if path.is_file())
    assert not list(files)


def test_masks_without_a_whole_image_are_no_examples(bigquery_server, rows, ingest):
    for row in rows:
        row |= {"image": b"nonsense", "mask": mask_bytes(row["id"])}
    bigquery_server.put("pets.photos", rows)
    with pytest.raises(Failure, match="no row has a whole image and a label: 120 broken images"):
        ingest({"mask_feature": "mask", "mask_classes": {"ground": 0, "tree": 1}})


def test_a_table_that_memory_cannot_hold_is_refused_unless_a_condition_picks_rows(
    bigquery_server, rows, ingest
):
    for row in rows:
        row["quality"] = "good"
    bigquery_server.put("pets.photos", rows)
    bigquery_server.facts["pets.photos"] = {"numRows": str(10**12)}
    with pytest.raises(Failure, match=r"has 1,000,000,000,000 rows, which take 596\d\d\d?\.\d GiB"):
        ingest()
    assert not bigquery_server.sessions
    ingest(where="quality = 'good'")


def test_a_table_that_changed_since_the_driver_saw_it_elsewhere_is_refused(
    bigquery_server, rows, ingest
):
    bigquery_server.put("pets.photos", rows)
    with pytest.raises(Failure, match=r"my-project\.pets\.photos changed before it was read"):
        ingest(version="my-project.pets.photos of 2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, "allowed: table or query, one of them"),
        ({"table": "a.b", "query": "SELECT 1"}, "allowed: table or query, one of them"),
        ({"table": "photos"}, "table: given 'photos'; allowed: [project.]dataset.table"),
        ({"query": "SELECT 1", "where": "a"}, "where: allowed with table"),
        ({"table": "a.b", "snapshot": "2026-11-26T09:30:00"}, "allowed: a time with its zone"),
        ({"table": "a.b", "location": "EU"}, "location: allowed with query"),
        ({"table": "a.b", "root": "photos"}, "root: allowed with columns.path"),
        ({"table": "a.b", "columns": {"image": "a", "path": "b"}}, "columns.path, not both"),
        ({"table": "a.b", "columns": {"image": "a", "key": "a"}}, "a column of its own for each"),
        ({"table": "a.b", "api_endpoint": "localhost:9"}, "allowed: a URL such as https://"),
        ({"table": "a.b", "streams": 0}, "allowed: a whole number, 1 to 1,000"),
        ({"table": "a.b", "split_by": "split", "splits": {"train": 80, "test": 20}},
         "split_by: split needs values of the split column in splits"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_keys_is_found_before_anything_is_asked(keys, expected):
    with pytest.raises(Failure) as refused:
        BigquerySource.of(**keys)
    assert expected in str(refused.value)


def test_a_file_of_credentials_that_are_none_is_named_and_not_shown(ingest, tmp_path, monkeypatch):
    file = tmp_path / "key.json"
    file.write_text('{"type": "service_account", "private_key": "a-secret"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(Failure) as refused:
        ingest(api_endpoint=None, storage_endpoint=None)
    assert str(file) in str(refused.value)
    assert "a-secret" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_credentials_go_to_https_alone(bigquery_server, rows, ingest, tmp_path, monkeypatch):
    file = tmp_path / "key.json"
    file.write_text(
        '{"type": "authorized_user", "refresh_token": "a", "client_id": "b", "client_secret": "c"}'
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    every()(bigquery_server, rows)
    ingest()
    assert set(bigquery_server.authorization) == {None}
