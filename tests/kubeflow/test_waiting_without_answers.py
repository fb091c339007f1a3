"""Waiting for a run while the server does not answer, or refuses to show it."""

import math

import pytest

from failures import Failure
from tests.kubeflow.pipelines_server import Refused
from tests.kubeflow.test_waiting import FAILED, POD, play


def test_wait_outlives_a_server_that_is_away_for_a_moment(server, run_it):
    play(server, ("SUCCEEDED", []))
    shown, looks = server.before, []

    def away(number):
        if server.requests[-1][1].startswith("/runs/"):
            looks.append(number)
            if len(looks) < 4:
                raise ConnectionAbortedError
        shown(number)

    server.before = away
    assert run_it(wait=True)[0] == 0


@pytest.fixture(autouse=True)
def _clock(naps, monkeypatch):
    monkeypatch.setattr("kfp.submit_run.monotonic", lambda: sum(naps))


@pytest.fixture
def away(server, naps):
    """A function (from, to) → the server does not show the run at these seconds of the waiting."""

    def be_away(since, until):
        shown = server.before

        def show(number):
            if server.requests[-1][1].startswith("/runs/") and since <= sum(naps) < until:
                raise Refused(503, "upgrading", Retry_After="30")
            shown(number)

        server.before = show

    return be_away


def test_wait_outlives_minutes_without_the_server_and_says_so_once_each_time(
    server, run_it, away, naps
):
    play(server, *[("RUNNING", [])] * 9, ("SUCCEEDED", []))
    away(5, 450)
    away(510, 950)

    code, said = run_it(wait=True)

    assert code == 0
    assert sum(naps) > 900
    [run] = server.runs
    asking = [line for line in said if "Still asking" in line]
    assert len(asking) == 2
    assert asking[0].endswith(f"Still asking; the run goes on: {server.url}/#/runs/details/{run}")


def test_wait_ends_after_ten_minutes_without_the_server_and_says_that_the_run_goes_on(
    server, run_it, away, naps
):
    play(server, ("RUNNING", []))
    away(5, math.inf)

    with pytest.raises(Failure, match=r"503 .* No longer watched; the run goes on: http") as one:
        run_it(wait=True)

    assert "\n" not in str(one.value)
    assert 600 < sum(naps) < 630


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "does not accept the caller (401). Set the environment variable"),
        (403, "does not allow this (403)"),
        (302, "redirects to a login page (302)"),
        (400, "refuses this (400)"),
    ],
)
def test_a_caller_who_is_refused_while_waiting_is_told_so_at_once(
    server, run_it, naps, status, said
):
    play(server, ("RUNNING", []))
    shown = server.before

    def refuse(number):
        if naps and server.requests[-1][1].startswith("/runs/"):
            raise Refused(status, "no")
        shown(number)

    server.before = refuse
    with pytest.raises(Failure, match=r"No longer watched; the run goes on: http") as one:
        run_it(wait=True)
    assert said in str(one.value)
    assert naps == [5.0]


@pytest.mark.parametrize("status", [403, 503])
def test_a_failed_run_has_failed_though_its_pipeline_is_not_shown(server, run_it, status):
    play(server, ("RUNNING", FAILED), ("FAILED", FAILED))
    shown = server.before

    def refuse(number):
        method, path = server.requests[-1]
        if method == "GET" and path.startswith("/pipelines/") and "versions" not in path:
            raise Refused(status, "hidden")
        shown(number)

    server.before = refuse
    code, said = run_it(wait=True)
    assert code == 1
    assert said[-2].startswith("Trainer failed: neither its pod nor an uploaded log can be read")
    assert str(status) in said[-2]
    assert said[-2].endswith(f"logs {POD} -c main`")
    assert said[-1] == "The run has ended: failed"


def test_a_proxy_that_has_no_route_to_the_server_is_not_a_deleted_run(server, run_it):
    play(server, ("SUCCEEDED", []))
    shown, looks = server.before, []

    def lose(number):
        if server.requests[-1][1].startswith("/runs/"):
            looks.append(number)
            if len(looks) == 1:
                raise Refused(404, b"default backend - 404")
        shown(number)

    server.before = lose
    code, said = run_it(wait=True)
    assert code == 0
    assert any("not as Kubeflow Pipelines does" in line for line in said)
