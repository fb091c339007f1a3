"""The report of a run that failed, was killed, is old or emptied, or has values of nan."""

import contextlib
import re
import sqlite3

import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.old_runs import remove_old_runs
from report.files import write_comparison, write_report
from tests.report.pages import page_of, section
from tests.report.report_runs import classified

FAILED = metadata_store_pb2.Execution.FAILED


def test_a_run_from_before_confidence_was_counted_has_its_report(root):
    steps = classified()
    of_challenger = steps["Evaluator"]["outputs"]["evaluation"]["counts.json"]["models"]
    del of_challenger["challenger"]["reliability"]
    root.add_run("2026-11-20T02:57:25", steps)
    assert "Confidence" not in section(page_of(root), "evaluation")


def test_a_plan_of_another_version_is_left_out_of_the_report(root):
    steps = classified()
    model_run = steps["Trainer"]["outputs"]["model_run"]
    model_run["input_report.json"] |= {"plan": {"unknown": 1}}
    root.add_run("2026-11-20T02:57:25", steps)
    assert "what happened" not in section(page_of(root), "training")


def test_a_run_from_before_fetch_times_were_recorded_has_its_report(root):
    root.add_run("2026-11-20T02:57:25", classified())
    [history] = root.folder.rglob("history.json")
    history.write_text(history.read_text().replace("fetch_seconds", "data_wait_seconds"))
    page = page_of(root)
    assert "The training steps took 5.00 s." in page
    assert "to fetch batches" not in page


def test_the_newest_run_is_the_last_one_after_the_clock_was_set_back(root):
    for run_id in ("2026-11-20T02:57:25", "2026-11-19T23:10:00"):
        root.add_run(run_id, classified())
    with contextlib.closing(sqlite3.connect(root.folder / "metadata.sqlite")) as table, table:
        table.execute("UPDATE Context SET create_time_since_epoch = 1000 - id")
    assert write_report(root.configuration).stem == "2026-11-19T23-10-00"


@pytest.mark.parametrize("place", [0, 2, -1])
def test_a_loss_of_nan_leaves_the_rest_of_the_curve(root, place):
    steps = classified()
    epochs = steps["Trainer"]["outputs"]["model_run"]["history.json"]["epochs"]
    epochs[place]["loss"] = float("nan")
    root.add_run("2026-11-21T02:57:25", steps)
    chart = re.search(r'aria-label="Loss: .*?</svg>', page_of(root), re.DOTALL)[0]
    points = re.findall(r'points="(.*?)"', chart)
    assert [len(line.split()) for line in points] == [4, 5]
    assert "nan," not in chart
    assert ",nan" not in chart


def test_a_metric_of_nan_meets_no_bound(root):
    steps = classified()
    verdict = steps["Evaluator"]["outputs"]["blessing"]["blessing.json"]
    verdict["metrics"]["accuracy"] = float("nan")
    root.add_run("2026-11-21T02:57:25", steps)
    page = page_of(root)
    assert page.count(">missed<") == 2
    assert ">met<" not in page


def test_a_champion_of_nan_stops_no_model(root):
    steps = classified(blessed=True)
    verdict = steps["Evaluator"]["outputs"]["blessing"]["blessing.json"]
    verdict["champion_metrics"]["accuracy"] = float("nan")
    root.add_run("2026-11-21T02:57:25", steps)
    page = page_of(root)
    assert page.count(">met<") == 2
    assert "<td>at most 0.005 worse than the champion</td>" in page


def test_a_metric_of_nan_is_neither_better_nor_worse_than_another(root):
    steps = classified()
    verdict = steps["Evaluator"]["outputs"]["blessing"]["blessing.json"]
    verdict["metrics"] = {"accuracy": 0.91, "loss": float("nan"), "iou": float("nan")}
    verdict["champion_metrics"] = {"accuracy": float("nan"), "loss": 0.4, "iou": float("nan")}
    root.add_run("2026-11-20T02:57:25", classified())
    root.add_run("2026-11-21T02:57:25", steps)
    compared = write_comparison(root.configuration, "previous", "latest").read_text("utf-8")
    for page in (page_of(root), compared):
        assert "+nan" not in page
    rows = re.findall(r'<th scope="row">(?:accuracy|loss)</th>.*?</tr>', page_of(root))
    assert all(row.endswith("<td></td></tr>") for row in rows[-2:])
    assert "<td>0.3</td><td>nan</td><td></td>" in compared


def test_probabilities_of_nan_are_answered_with_advice(root):
    steps = classified()
    steps["Evaluator"]["outputs"]["blessing"]["blessing.json"]["metrics"]["loss"] = float("nan")
    root.add_run("2026-11-21T02:57:25", steps)
    assert "lower training.learning_rate" in page_of(root)


def test_a_failed_run_says_why_and_what_did_not_come(root):
    steps = {name: classified()[name] for name in ("TfdsExampleGen", "StatisticsGen")}
    steps["StatisticsGen"] |= {"state": FAILED, "outputs": {}}
    root.add_run("2026-11-21T02:57:25", steps, failure="StatisticsGen failed: no space is left.")
    page = page_of(root)
    assert "<strong>StatisticsGen failed</strong><p>no space is left.</p>" in page
    assert section(page, "evaluation") == ""


def test_a_killed_run_is_reported_as_stopped_not_as_failed(root):
    steps = {name: classified()[name] for name in ("TfdsExampleGen", "StatisticsGen")}
    steps["StatisticsGen"] |= {"state": FAILED, "outputs": {}}
    root.add_run("2026-11-21T02:57:25", steps)
    page = page_of(root)
    assert "StatisticsGen was stopped" in page
    assert "Run the same command again: it continues after the finished components." in page


@pytest.mark.parametrize("cause", ["2 anomalies in the data", "train and test share 3 images"])
def test_what_to_do_about_a_gate_that_stopped_the_run_is_from_its_cause(root, cause):
    names = ("TfdsExampleGen", "StatisticsGen", "ExampleValidator", "ValidationGate")
    steps = {name: classified()[name] for name in names}
    steps["ValidationGate"] |= {"state": FAILED, "outputs": {}}
    root.add_run("2026-11-21T02:57:25", steps, failure=f"ValidationGate failed: {cause}.")
    page = page_of(root)
    assert f"<p>{cause}.</p>" in page
    assert ("See the anomalies below." in page) == ("anomalies" in cause)


def test_a_run_whose_outputs_were_removed_says_so_and_what_it_once_reported(root):
    for run_id, blessed in (("2026-11-20T02:57:25", True), ("2026-11-21T02:57:25", False)):
        steps = classified(blessed=blessed)
        said = {"blessed": int(blessed), "summary": "blessed" if blessed else "not blessed"}
        steps["Evaluator"]["outputs"]["blessing"]["said"] = said
        root.add_run(run_id, steps)
    remove_old_runs(root.folder, 1)

    page = write_report(root.configuration, "2026-11-20").read_text("utf-8")
    assert "<strong>Outputs removed</strong><p>The Evaluator reported: blessed.</p>" in page
    assert "ServingCheck wrote is gone, as keep_runs and runs prune --local remove" in page
    assert "The statistics of the labels were removed." in page
    for falsehood in ("Run the same command", "stopped before", "No anomalies", "not counted"):
        assert falsehood not in page
    assert "is gone" not in page_of(root)

    compared = write_comparison(root.configuration, "previous", "latest").read_text("utf-8")
    assert "<strong>A: Outputs removed</strong>" in compared
    assert '<th scope="row">accuracy</th><td>removed</td><td>0.91</td>' in compared
