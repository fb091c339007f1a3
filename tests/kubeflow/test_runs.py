"""Runs are listed, shown, stopped and deleted on a server that speaks the v2beta1 API."""

import datetime

import pytest

from cli.command_line import main
from failures import Failure
from kfp import runs
from kfp.apply_schedule import apply
from kfp.prune_runs import prune
from kfp.recurring_runs import fire
from kfp.submit_run import submit
from settings.schedule import Schedule

EVERY_NIGHT = Schedule(cron="0 3 * * *")


@pytest.fixture
def three(endpoint, package, server):
    """The ids of three runs, the newest last."""
    for number in range(3):
        submit(package, endpoint, say=lambda line: None)
        list(server.runs.values())[-1]["created_at"] = f"2026-11-2{number}T03:00:00Z"
    return list(server.runs)


def said_by(act, *arguments):
    said = []
    act(*arguments, say=said.append)
    return said


def test_the_newest_run_is_listed_first_with_its_state(server, endpoint, three):
    server.runs[three[0]]["state"] = "FAILED"
    server.runs[three[1]]["recurring_run_id"] = "r-1"

    lines = said_by(runs.list_runs, "digits", endpoint)

    assert [line.split()[:3] for line in lines] == [
        [three[2], "pending", "submitted"],
        [three[1], "pending", "scheduled"],
        [three[0], "failed", "submitted"],
    ]


def test_a_pipeline_that_never_ran_has_no_runs(endpoint):
    assert said_by(runs.list_runs, "digits", endpoint) == [
        "There is no run of digits in the experiment digits."
    ]


def test_runs_of_another_pipeline_in_the_same_experiment_are_neither_listed_nor_pruned(
    server, endpoint, package
):
    shared = endpoint.model_copy(update={"experiment": "Default"})
    submit(package, shared, say=lambda line: None)
    package.write_text(package.read_text().replace("{name: digits}", "{name: photos}"))
    submit(package, shared, say=lambda line: None)
    ours, theirs = server.runs
    by_hand = server.runs[ours] | {"run_id": "by hand", "state": "FAILED"}
    del by_hand["pipeline_version_reference"]  # Made of a spec, without a pipeline.
    server.runs["by hand"] = by_hand
    for run in (ours, theirs):
        server.runs[run]["state"] = "SUCCEEDED"

    [line] = said_by(runs.list_runs, "digits", shared)
    assert line.startswith(ours)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=9)
    assert prune("digits", 5, shared, say=lambda line: None, now=later) == (1, 1)
    assert list(server.runs) == [theirs, "by hand"]
    assert prune("gone", 5, shared, say=lambda line: None, now=later) == (0, 0)


def test_runs_of_a_deleted_pipeline_are_listed_and_pruned_in_its_own_experiment(
    server, endpoint, package, three
):
    package.write_text(package.read_text().replace("{name: digits}", "{name: photos}"))
    shared = endpoint.model_copy(update={"experiment": "digits"})
    submit(package, shared, say=lambda line: None)
    theirs = list(server.runs)[-1]
    for one in list(server.pipelines.values()):
        if one["display_name"] == "digits":
            del server.pipelines[one["pipeline_id"]]
    assert [line.split()[0] for line in said_by(runs.list_runs, "digits", endpoint)] == three[::-1]

    package.write_text(package.read_text().replace("{name: photos}", "{name: digits}"))
    submit(package, endpoint, say=lambda line: None)
    new = list(server.runs)[-1]
    lines = said_by(runs.list_runs, "digits", endpoint)
    assert [line.split()[0] for line in lines] == [new, *three[::-1]]

    for run in server.runs.values():
        run["state"] = "SUCCEEDED"
    now = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)
    assert prune("digits", 3, endpoint, say=lambda line: None, now=now) == (3, 0)
    assert list(server.runs) == [theirs, new]


def test_in_a_shared_experiment_a_line_says_that_runs_of_a_deleted_pipeline_are_not_found(
    server, endpoint, package
):
    shared = endpoint.model_copy(update={"experiment": "Default"})
    submit(package, shared, say=lambda line: None)
    server.pipelines.clear()
    assert said_by(runs.list_runs, "digits", shared) == [
        "There is no run of digits in the experiment Default. Those of a deleted pipeline are not "
        "found in this one."
    ]


def test_a_failed_run_is_shown_with_its_steps_and_the_cause(server, endpoint, three):
    tasks = [
        {"display_name": "Trainer-driver", "state": "SUCCEEDED"},
        {"display_name": "Trainer", "state": "FAILED", "child_tasks": [{"pod_name": "wf-12"}]},
    ]
    server.runs[three[0]] |= {"state": "FAILED", "run_details": {"task_details": tasks}}
    server.logs["wf-system-container-impl-12"] = "Trainer failed: The disk is full.\n"

    lines = said_by(runs.show_run, three[0], endpoint)

    assert lines[1:3] == ["  Trainer              failed", "Trainer failed: The disk is full."]
    assert lines[-1].endswith(f"/#/runs/details/{three[0]}")


def test_a_run_is_stopped_once(server, endpoint, three):
    runs.stop_run(three[0], endpoint)
    assert server.runs[three[0]]["state"] == "CANCELING"

    server.runs[three[0]]["state"] = "CANCELED"
    assert said_by(runs.stop_run, three[0], endpoint) == [
        f"{three[0]} has ended already: canceled."
    ]


def test_only_runs_that_ended_long_ago_are_pruned(server, endpoint, three):
    server.runs[three[0]]["state"] = "SUCCEEDED"
    server.runs[three[2]]["state"] = "FAILED"
    now = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)

    assert prune("digits", 5, endpoint, say=lambda line: None, now=now) == (1, 0)
    assert list(server.runs) == three[1:]


def test_a_run_whose_end_the_server_did_not_see_is_as_old_as_its_beginning(server, endpoint, three):
    server.runs[three[2]] |= {"state": "FAILED", "finished_at": "1970-01-01T00:00:00Z"}
    now = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)

    assert prune("digits", 5, endpoint, say=lambda line: None, now=now) == (0, 0)


def test_a_package_goes_when_there_is_neither_a_run_nor_a_schedule_of_it(server, endpoint, package):
    quiet = {"say": lambda line: None}
    names = []
    for act in (submit, submit, lambda *given, say: apply(*given, EVERY_NIGHT, say=say), submit):
        package.write_text(package.read_text() + "# another content\n")
        act(package, endpoint, **quiet)
        names.append(list(server.versions)[-1])
    gone, kept, other = server.runs
    server.runs[gone] |= {"state": "FAILED"}
    server.runs[kept] |= {"state": "RUNNING"}
    del server.runs[other]
    server.versions["by hand"] = server.versions[names[0]] | {
        "display_name": "by hand",
        "pipeline_version_id": "by hand",
    }
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=9)

    assert prune("digits", 30, endpoint, now=later, **quiet) == (0, 0)
    assert prune("digits", 5, endpoint, now=later, **quiet) == (1, 2)
    assert list(server.versions) == [names[1], names[2], "by hand"]
    assert prune("digits", 5, endpoint, now=later, **quiet) == (0, 0)


@pytest.mark.parametrize("act", [runs.show_run, runs.stop_run, runs.delete_run])
def test_a_run_that_there_is_not_is_named(endpoint, act):
    with pytest.raises(Failure, match=r"has no run run-99\. List them"):
        act("run-99", endpoint)


def test_a_deleted_run_is_gone(server, endpoint, three):
    runs.delete_run(three[1], endpoint)

    assert list(server.runs) == [three[0], three[2]]


def test_firing_a_schedule_starts_its_run_now_by_hand(server, endpoint, package):
    trigger = "      trigger: {parameterType: STRING, defaultValue: manual}\n"
    package.write_text(
        package.read_text().replace("    parameters:\n", f"    parameters:\n{trigger}")
    )
    apply(package, endpoint, Schedule(cron="0 3 * * *", parameters={"epochs": 3}), say=lambda _: _)

    [line] = said_by(fire, "digits", endpoint)

    [run] = server.runs.values()
    [recurring] = server.recurring_runs.values()
    assert recurring["runtime_config"]["parameters"] == {"epochs": 3, "trigger": "schedule"}
    assert run["runtime_config"]["parameters"] == {"epochs": 3, "trigger": "manual"}
    assert run["pipeline_version_reference"] == recurring["pipeline_version_reference"]
    assert line.endswith(run["run_id"])


def test_firing_without_a_schedule_says_how_to_make_one(endpoint):
    with pytest.raises(Failure, match=r"There are 0 schedules digits .* schedule apply"):
        fire("digits", endpoint)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["show"], "the id of a run"),
        (["list", "r-1"], "no id"),
        (["prune"], "1 to 36,500, with prune"),
        (["prune", "--older-than-days", "0"], "1 to 36,500, with prune"),
        (["prune", "--older-than-days", "1000000"], "1 to 36,500, with prune"),
        (["list", "--older-than-days", "3"], "1 to 36,500, with prune"),
    ],
)
def test_a_mistake_in_the_words_is_one_line(capsys, words, allowed):
    assert main(["runs", *words, "--config", "configs/digits.yaml"]) == 2
    assert allowed in capsys.readouterr().err
