"""Waiting for a submitted run: what it says of each step, and why a step failed."""

import pytest

from failures import Failure
from kfp.submit_run import submit


def task(name, state, *children):
    """As the API server makes it of one of Argo's nodes (api_converter.go, toModelTasks): with
    the ids of the nodes below, and neither an error nor an id of its own."""
    below = [{"pod_name": f"digits-x7k2p-{child}"} for child in children]
    return {"display_name": name, "state": state, "child_tasks": below}


def play(server, *scenes):
    """Each further look at the run shows the next (state, tasks)."""
    scenes = iter(scenes)

    def show(number):
        method, path = server.requests[-1]
        if method == "GET" and path.startswith("/runs/") and "?" not in path:
            state, tasks = next(scenes)
            [run] = server.runs.values()
            run |= {"state": state, "run_details": {"task_details": tasks}}

    server.before = show


@pytest.mark.parametrize(
    ("state", "code"),
    [("SUCCEEDED", 0), ("SKIPPED", 0), ("FAILED", 1), ("CANCELED", 1), ("ERROR", 1)],
)
def test_wait_ends_with_the_outcome_of_the_run(server, run_it, state, code):
    play(server, ("PENDING", []), ("RUNNING", []), ("CANCELING", []), (state, []))
    exit_code, said = run_it(wait=True)
    assert exit_code == code
    assert said[-1] == f"The run has ended: {state.lower()}"


def test_wait_shows_each_state_of_each_task_once(server, run_it, naps):
    drivers = [task("root-driver", "SUCCEEDED"), task("Trainer-driver", "SUCCEEDED", "11")]
    play(
        server,
        ("RUNNING", [*drivers, task("Trainer", "PENDING")]),
        ("RUNNING", [*drivers, task("Trainer", "RUNNING"), task("executor", "RUNNING")]),
        ("RUNNING", [*drivers, task("Trainer", "RUNNING"), task("executor", "RUNNING")]),
        ("FAILED", [*drivers, task("Trainer", "FAILED", "12"), task("executor", "FAILED")]),
    )
    code, said = run_it(wait=True)
    assert code == 1
    shown = [line.split() for line in said if line.startswith("  ")]
    assert shown == [
        ["Trainer", "pending"],
        ["Trainer", "running"],
        ["Trainer", "failed"],
    ]
    assert naps == [5.0, 5.0, 5.0]


POD = "digits-x7k2p-system-container-impl-12"

ATTEMPT = "digits-x7k2p-retry-system-container-impl-34"

FAILED = [task("Trainer-driver", "SUCCEEDED", "11"), task("Trainer", "FAILED", "12")]

NOWHERE = (
    "neither its pod nor an uploaded log can be read here (set AWS_ENDPOINT_URL to the address "
    "of the cluster's store)"
)

ATTEMPTS = [task("executor", "SUCCEEDED", "55", "56"), task("executor", "FAILED", "33", "34")]


@pytest.mark.parametrize(
    ("tasks", "logs", "cause"),
    [
        (
            FAILED,
            {POD: "INFO 1\nTrainer failed: The disk is full. Free space.\nlauncher: exit 1\n"},
            "Trainer failed: The disk is full. Free space.",
        ),
        (
            FAILED + ATTEMPTS,
            {ATTEMPT: "Trainer failed: nan in step 3\n"},
            "Trainer failed: nan in step 3",
        ),
        (
            FAILED,
            {POD: "step 17 of 90\n"},
            "Trainer failed: it was killed from outside, perhaps for lack of memory; "
            f"`kubectl -n kubeflow describe pod {POD}` has the reason",
        ),
        (
            FAILED,
            {},
            f"Trainer failed: {NOWHERE}; try `kubectl -n kubeflow logs {POD} -c main`",
        ),
        (
            [task("root-driver", "SUCCEEDED", "10"), task("Trainer-driver", "FAILED")],
            {},
            "Trainer failed: it could not start; `kubectl -n kubeflow describe pods -l "
            "workflows.argoproj.io/workflow=digits-x7k2p` has the reason",
        ),
        (
            FAILED + 2 * ATTEMPTS,
            {},
            f"Trainer failed: {NOWHERE}; try `kubectl -n kubeflow logs {POD} -c main`",
        ),
    ],
    ids=["own words", "last attempt", "killed", "pod gone", "driver", "two retried steps"],
)
def test_wait_ends_with_the_cause_that_the_step_printed(server, run_it, tasks, logs, cause):
    server.logs = logs
    play(server, ("RUNNING", tasks), ("FAILED", tasks))

    code, said = run_it(wait=True)

    assert code == 1
    assert said[-2:] == [cause, "The run has ended: failed"]


def runtime_task(name, state, *pods, message=""):
    """As a server without ML Metadata shows it (kubeflow/pipelines#13986, run.proto)."""
    types = ("DRIVER", *["EXECUTOR"] * (len(pods) - 1))
    return {
        "name": name,
        "state": state,
        "type": "RUNTIME",
        "pods": [{"name": pod, "type": kind} for pod, kind in zip(pods, types, strict=True)],
        "status_metadata": {"message": message},
    }


def test_a_server_without_ml_metadata_shows_its_own_tasks(server, run_it):
    server.logs = {"digits-x7k2p-12": "Trainer failed: The disk is full.\n"}
    play(server, ("RUNNING", []), ("FAILED", []))
    shown = server.before

    def show(number):
        shown(number)
        for run in server.runs.values():
            run["tasks"] = [
                {"name": "root", "state": "RUNNING", "type": "ROOT"},
                runtime_task("Transform", "CACHED", "digits-x7k2p-10"),
                runtime_task("Trainer", "FAILED", "digits-x7k2p-11", "digits-x7k2p-12"),
                runtime_task("Evaluator", "FAILED", "digits-x7k2p-13", message="no claim\n'a'"),
            ]

    server.before = show
    code, said = run_it(wait=True)

    assert code == 1
    assert [line.split() for line in said if line.startswith("  ")] == [
        ["Transform", "cached"],
        ["Trainer", "failed"],
        ["Evaluator", "failed"],
    ]
    assert said[-3:] == [
        "Trainer failed: The disk is full.",
        "Evaluator failed: it could not start; no claim 'a'",
        "The run has ended: failed",
    ]


def test_a_log_that_is_cut_off_leaves_the_outcome_as_it_is(server, run_it):
    server.logs, server.missing = {POD: "Trainer failed: The disk is full.\n"}, 1
    play(server, ("FAILED", FAILED))

    code, said = run_it(wait=True)

    assert code == 1
    assert said[-2].startswith(f"Trainer failed: {NOWHERE}; try `kubectl")


def test_a_task_without_a_name_is_passed_over(server, run_it):
    play(server, ("FAILED", [*FAILED, {"state": "FAILED"}]))
    assert run_it(wait=True)[1][-1] == "The run has ended: failed"


def test_a_run_that_is_deleted_while_waiting_is_reported(server, run_it):
    server.before = lambda number: (
        server.runs.clear() if server.requests[-1][1].startswith("/runs/") else None
    )
    with pytest.raises(Failure, match="someone deleted it"):
        run_it(wait=True)


def test_ctrl_c_while_waiting_leaves_the_run_alone(server, endpoint, package, monkeypatch):
    said = []

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("kfp.submit_run.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        submit(package, endpoint, wait=True, say=said.append)
    assert said[-1].startswith("No longer watched; the run goes on: http")
    assert len(server.runs) == 1
