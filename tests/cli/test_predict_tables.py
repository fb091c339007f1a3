"""batch-predict takes the images of a table or query of BigQuery, each named by its key."""

import itertools
import json

import pytest

from cli.command_line import main
from components.batch_predictor import sources
from components.batch_predictor.job import predict_runs
from components.batch_predictor.sources import batches
from components.batch_predictor.table_rows import runs_of_table
from failures import Failure
from settings.bigquery_source import BigquerySource
from tests.bigquery_server import PROJECT
from tests.cli.refusing_model import RefusingModel

TABLE = "my-project.pets.new"


@pytest.fixture
def source(bigquery_server):
    """`source(**keys)`; the table has forty rows, and an image in all but one of them."""
    rows = [{"id": number, "picture": b"image %d" % number} for number in range(40)]
    rows[7]["picture"] = None
    bigquery_server.put("pets.new", rows)
    bigquery_server.answers["SELECT 1"] = rows[:5]

    def made(**keys):
        columns = {"image": "picture", "key": "id"}
        given = {"columns": columns, "retry_seconds": 5} | bigquery_server.keys() | keys
        return BigquerySource.of(**({} if "query" in keys else {"table": TABLE}) | given)

    return made


def said(runs):
    """{name: image}, whatever stream a row came in."""
    return {
        name: image
        for run in runs
        for name, image in zip(run.names, itertools.chain.from_iterable(batches(run)), strict=True)
    }


def test_each_row_is_an_image_with_its_key(source, bigquery_server, tmp_path):
    found = said(runs_of_table(source(), str(tmp_path / "out")))
    assert set(found) == {str(number) for number in range(40)}
    assert found["12"] == b"image 12"
    assert str(found["7"]) == "[Errno 61] the row has no image"
    [session] = bigquery_server.sessions
    assert set(session.read_session.read_options.selected_fields) == {"id", "picture"}

    query = source(query="SELECT 1", project=PROJECT)
    assert len(said(runs_of_table(query, str(tmp_path / "query")))) == 5


def test_rows_without_a_key_are_named_by_their_place(source, tmp_path):
    found = said(runs_of_table(source(columns={"image": "picture"}), str(tmp_path / "out")))
    assert len(found) == 40
    assert found["stream 1 row 1"]


def test_files_that_rows_name_are_read(source, bigquery_server, tmp_path):
    (tmp_path / "one.png").write_bytes(b"one")
    bigquery_server.put("pets.paths", [{"path": "one.png"}, {"path": "gone.png"}])
    given = source(table="my-project.pets.paths", columns={"path": "path"}, root=str(tmp_path))
    found = said(runs_of_table(given, str(tmp_path / "out")))
    assert sorted(map(str, found.values())) == ["[Errno 61] the row has no image", "b'one'"]


def test_a_job_goes_on_with_the_rows_that_it_has(source, bigquery_server, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PART", 5)
    output = tmp_path / "out"
    runs = runs_of_table(source(), str(output))
    assert predict_runs(RefusingModel(), runs, str(output), lambda _: None).records == 40
    first = {file.name: file.read_text() for file in output.glob("predictions-*")}
    sorted(output.glob("predictions-*"))[1].unlink()

    bigquery_server.put("pets.new", [{"id": 1, "picture": b"another"}])
    bigquery_server.most_streams = 1
    predict_runs(RefusingModel(), runs_of_table(source(), str(output)), str(output), lambda _: None)
    assert {file.name: file.read_text() for file in output.glob("predictions-*")} == first
    lines = [json.loads(line) for text in first.values() for line in text.splitlines()]
    assert {line["id"] for line in lines} == {str(number) for number in range(40)}

    with pytest.raises(Failure, match=r"holds rows of another data\.where\. Name another"):
        runs_of_table(source(where="id < 5"), str(output))


def test_a_job_goes_on_by_keys_that_change_no_row(source, bigquery_server, tmp_path):
    output = tmp_path / "out"
    runs = runs_of_table(source(), str(output))
    changed = source(streams=1, retry_seconds=7, split_by="content")
    assert runs_of_table(changed, str(output)) == runs
    assert len(bigquery_server.sessions) == 1


def test_a_job_goes_on_after_an_upgrade_that_adds_a_key(source, bigquery_server, tmp_path):
    output = tmp_path / "out"
    runs = runs_of_table(source(), str(output))
    file = output / "rows" / "rows.json"
    index = json.loads(file.read_text())
    asked = json.loads(index["asked"])
    del asked["streams"]
    file.write_text(json.dumps(index | {"asked": json.dumps(asked)}))
    assert runs_of_table(source(), str(output)) == runs


def test_what_cannot_be_read_is_one_line_and_nothing_is_left(source, bigquery_server, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(Failure, match=r"has no column 'image' \(data.columns.image\)"):
        runs_of_table(source(columns={}), str(output))
    with pytest.raises(Failure, match=r"my-project\.pets\.gone: .* table"):
        runs_of_table(source(table="my-project.pets.gone"), str(output))
    assert [file.name for file in output.iterdir()] == [".lock"]
    output.joinpath("mine.txt").touch()
    with pytest.raises(Failure, match="holds other files"):
        runs_of_table(source(), str(output))


def test_two_jobs_at_once_do_not_copy_rows_into_one_folder(source, bigquery_server, tmp_path):
    output, refusals = tmp_path / "out", []
    bigquery_server.most_streams = 1

    def begin_another(stream, offset):
        bigquery_server.fault = lambda stream, offset: None
        try:
            runs_of_table(source(query="SELECT 1", project=PROJECT), str(output))
        except Failure as refusal:
            refusals.append(str(refusal))

    bigquery_server.fault = begin_another
    assert len(said(runs_of_table(source(), str(output)))) == 40
    assert "out is being written by process" in refusals[0]


def test_the_verb_needs_a_table(capsys, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()
    words = ["batch-predict", "--output", str(tmp_path / "out"), "--model", str(tmp_path)]
    assert main([*words, "--input", "bigquery:"]) == 2
    assert "needs a table behind it, or --config" in capsys.readouterr().err
    assert main([*words, "--input", "bigquery:photos"]) == 2
    assert "allowed: bigquery:[project.]dataset.table" in capsys.readouterr().err
