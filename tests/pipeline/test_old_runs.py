"""What only old runs used leaves the root; what newer ones made or read stays."""

import json
import os
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from cli.command_line import main
from failures import Failure
from pipeline import root_lock
from pipeline.old_runs import remove_old_runs
from settings.reading import load
from tests.report.report_runs import Root, classified

KEEP_ONE = ("--local", "--keep", "1")
CACHED = {"state": metadata_store_pb2.Execution.CACHED}
RUNS = [f"2026-11-{day}T02:00:00" for day in (20, 21, 22)]


def steps(examples=None, model=b"1"):
    """Of a run whose Trainer reads Examples, which a cached ExampleGen took from an earlier run."""
    made = {"examples": {"Split-train/data": b"10 bytes.."}}
    trained = {"model": {"saved_model.pb": model}}
    return {
        "ExampleGen": {"outputs": made} | (examples or {}),
        "Trainer": {"inputs": ["examples"], "outputs": trained},
    }


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


def left(root, output):
    """The executions whose output of that name is there."""
    return sorted(int(folder.name) for folder in root.folder.glob(f"*/{output}/*"))


def test_what_the_newest_runs_made_or_read_stays(root):
    for run_id, examples in zip(RUNS, (None, CACHED, CACHED), strict=True):
        root.add_run(run_id, steps(examples))
    removed = remove_old_runs(root.folder, keep=2)
    assert left(root, "examples") == [1]  # of the oldest, read by the others
    assert left(root, "model") == [4, 6]
    assert (removed.folders, removed.size) == (1, 1)


def test_examples_go_with_the_last_run_that_read_them(root):
    for run_id, examples in zip(RUNS, (None, CACHED, None), strict=True):
        root.add_run(run_id, steps(examples))
    assert remove_old_runs(root.folder, keep=1).size == 10 + 2 * 1
    assert left(root, "examples") == [5]
    assert remove_old_runs(root.folder, keep=1).folders == 0


def test_a_failed_run_counts_and_keeps_what_it_read(root):
    failed = {"state": metadata_store_pb2.Execution.FAILED, "outputs": {}}
    root.add_run(RUNS[0], steps())
    root.add_run(RUNS[1], steps(CACHED) | {"Trainer": {"inputs": ["examples"]} | failed})
    remove_old_runs(root.folder, keep=1)
    assert left(root, "examples") == [1]
    assert left(root, "model") == []


def test_a_root_that_was_moved_keeps_the_same(root):
    for run_id in RUNS[:2]:
        root.add_run(run_id, steps())
    moved = root.folder.rename(root.folder.with_name("moved"))
    assert remove_old_runs(moved, keep=1).folders == 2
    assert sorted(path.name for path in moved.glob("Trainer/model/*")) == ["4"]


def test_what_is_not_a_runs_stays(root):
    for run_id in RUNS:
        root.add_run(run_id, steps())
    others = ["pushed/model/1", "Trainer/other/2", "Trainer/model/notes", "Other/model/2", "7/8/9"]
    for name in others:
        (root.folder / name).mkdir(parents=True)
    remove_old_runs(root.folder, keep=1)
    assert all((root.folder / name).is_dir() for name in others)


@pytest.fixture
def pretrained(root):
    """Settings that name outputs of five old runs of a root, the last with other outputs."""
    for day in range(10, 14):
        root.add_run(f"2026-11-{day}T02:00:00", steps())
    schema = {"outputs": {"schema": {"schema.pbtxt": b""}}}
    root.add_run(RUNS[0], {"SchemaGen": schema})
    weights = [f"{root.folder}/Trainer/model/{number}" for number in (2, 4, 6)]
    space = {"model.weights": {"choices": weights[1:]}}
    return (
        f"model.weights={weights[0]}",
        f"tuner={json.dumps({'trials': 2, 'epochs': 1, 'search_space': space})}",
        f"data.schema={root.folder}/SchemaGen/schema/9/schema.pbtxt",
    )


def test_weights_and_a_schema_that_the_next_run_names_stay(root, pretrained, capsys):
    root.add_run(RUNS[1], steps())
    settings = [word for setting in pretrained for word in ("--set", setting)]
    assert main([*words(root, *KEEP_ONE), *settings]) == 0, capsys.readouterr().err
    assert left(root, "model") == [2, 4, 6, 11]
    assert left(root, "schema") == [9]


def test_weights_that_a_kept_run_began_with_stay_under_any_name_of_the_root(
    root, pretrained, tmp_path_factory
):
    link = tmp_path_factory.mktemp("elsewhere") / "root"
    link.symlink_to(root.folder)
    named = [setting.replace(str(root.folder), str(link)) for setting in pretrained]
    root.configuration = load("configs/digits.yaml", [f"root={root.folder}", *named])
    root.add_run(RUNS[1], steps())
    remove_old_runs(root.folder, keep=1)
    assert left(root, "model") == [2, 4, 6, 11]
    assert left(root, "schema") == [9]


def test_logs_reports_and_folders_of_drivers_go_with_the_runs(root):
    root.add_run(RUNS[0], steps())
    by_run = [
        root.folder / name for name in ("logs", "reports", "Trainer/.system/driver_execution")
    ]
    for folder in by_run:
        for name in ("old", "new"):
            (folder / name / "below").mkdir(parents=True)
        os.utime(folder / "old", (1e9, 1e9))
    remove_old_runs(root.folder, keep=1)
    assert [[file.name for file in folder.iterdir()] for folder in by_run] == [["new"]] * 3


def test_half_of_what_a_killed_removal_left_goes(root):
    root.add_run(RUNS[0], steps())
    below = ("model", ".system/executor_execution")
    halves = [root.folder / "Trainer" / name / ".removed-1" for name in below]
    for half in halves:
        half.mkdir(parents=True)
    remove_old_runs(root.folder, keep=1)
    assert not any(map(Path.exists, halves))


def test_files_that_the_store_of_spans_shares_free_nothing(root, tmp_path):
    for run_id in RUNS[:2]:
        root.add_run(run_id, steps())
    os.link(tmp_path / "ExampleGen/examples/1/Split-train/data", tmp_path / "kept")
    assert remove_old_runs(root.folder, keep=1).size == 1


def test_a_root_without_a_run_is_one_line(tmp_path):
    with pytest.raises(Failure, match="has no runs"):
        remove_old_runs(tmp_path, keep=1)


def words(root, *more):
    places = ("--set", f"root={root.folder}", "--set", f"push.destination={root.folder}/pushed")
    return ["runs", "prune", *more, "--config", "configs/digits.yaml", *places]


def test_the_verb_says_what_it_removed_and_waits_for_no_run(root, capsys):
    for run_id in RUNS[:2]:
        root.add_run(run_id, steps())
    with root_lock.hold(root.folder):
        assert main(words(root, *KEEP_ONE)) == 1
        assert "is in use by" in capsys.readouterr().err
    assert main(words(root, *KEEP_ONE)) == 0
    assert capsys.readouterr().out == "Removed 2 folders of old runs, 0 MB.\n"


def test_the_verb_makes_no_root_where_none_is(tmp_path, capsys):
    missing = ["--set", f"root={tmp_path}/away"]
    assert main(["runs", "prune", *KEEP_ONE, "--config", "configs/digits.yaml", *missing]) == 1
    assert "has no runs" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--local"], "--keep: allowed: a number of at least 1"),
        (["--local", "--keep", "0"], "--keep: allowed: a number of at least 1"),
        (["--keep", "3"], "allowed on this machine: prune --local --keep N"),
        (["--local", "--keep", "3", "--older-than-days", "3"], "prune --local --keep N"),
    ],
)
def test_what_the_verb_cannot_do_is_refused_in_one_line(root, capsys, given, said):
    assert main(words(root, *given)) == 2
    assert said in capsys.readouterr().err


def test_the_report_shows_what_is_left_of_a_run_that_was_removed(root, capsys):
    for run_id in RUNS[:2]:
        root.add_run(run_id, classified(blessed=True))
    remove_old_runs(root.folder, keep=1)
    report = ["report", *words(root)[2:]]
    for more in ([], ["--run", RUNS[0]], ["--compare", *RUNS[:2]]):
        assert main([*report, *more]) == 0, capsys.readouterr().err
        assert "digits" in Path(capsys.readouterr().out.strip()).read_text("utf-8")
