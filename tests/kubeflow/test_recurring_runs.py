"""Schedules on a server: converging from anywhere, whatever is killed on the way."""

import multiprocessing
import os
import signal
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failures import ConfigurationError, Failure
from kfp.apply_schedule import Wanted, apply, next_step
from kfp.recurring_runs import change
from settings.kubeflow import Kubeflow
from settings.schedule import Schedule
from tests.kubeflow.pipelines_server import Refused

MARK = "steadyfeed schedule 1"
WANTED = Wanted("digits", None, MARK, enabled=True)


def at_three(**more):
    return Schedule(cron="0 3 * * 1-5", time_zone="Europe/Berlin", **more)


@pytest.fixture
def apply_it(endpoint, package):
    def apply_it(schedule=None, endpoint=endpoint):
        said = []
        return apply(package, endpoint, schedule or at_three(), say=said.append), said

    return apply_it


@pytest.fixture
def change_it(endpoint):
    def change_it(action, endpoint=endpoint):
        said = []
        change(action, "digits", endpoint, say=said.append)
        return said

    return change_it


def test_apply_makes_what_the_configuration_says(server, apply_it):
    schedule = at_three(max_concurrency=2, catch_up=True, parameters={"epochs": 3})
    outcome, said = apply_it(schedule, Kubeflow(endpoint=server.url, pipeline_root="s3://b/r"))
    assert outcome == "created"
    [made] = server.recurring_runs.values()
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * 1-5"}}
    assert (made["max_concurrency"], made["no_catchup"], made["mode"]) == ("2", False, "ENABLE")
    assert made["runtime_config"] == {"parameters": {"epochs": 3}, "pipeline_root": "s3://b/r"}
    assert set(server.versions) == {made["pipeline_version_reference"]["pipeline_version_id"]}
    assert any("0 3 * * 1-5 becomes 0 0 3 * * 1-5" in line for line in said)
    assert any("CRON_SCHEDULE_TIMEZONE" in line and "Europe/Berlin" in line for line in said)


def test_a_scheduled_run_says_so_where_the_package_asks_for_it(server, apply_it, package):
    trigger = "      trigger: {parameterType: STRING, defaultValue: manual}\n"
    package.write_text(
        package.read_text().replace("    parameters:\n", f"    parameters:\n{trigger}")
    )

    apply_it()

    [made] = server.recurring_runs.values()
    assert made["runtime_config"]["parameters"] == {"trigger": "schedule"}


def test_ten_times_apply_leaves_exactly_one_and_changes_nothing_after_the_first(server, apply_it):
    outcomes = [apply_it()[0] for _ in range(10)]
    assert outcomes == ["created"] + ["unchanged"] * 9
    assert len(server.recurring_runs) == 1
    assert len(server.writes()) == 4  # pipeline, version, experiment, recurring run


@pytest.mark.parametrize(
    "changed",
    [
        {"cron": "0 4 * * *"},
        {"max_concurrency": 3},
        {"catch_up": True},
        {"parameters": {"epochs": 4}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_change_replaces_the_schedule_and_never_are_two_switched_on(server, apply_it, changed):
    apply_it()
    [old] = server.recurring_runs
    most = []
    server.after = lambda number: most.append(
        sum(one["mode"] == "ENABLE" for one in server.recurring_runs.values())
    )
    outcome, _ = apply_it(Schedule(**{"cron": "0 3 * * 1-5"} | changed))
    assert outcome == "replaced"
    [new] = server.recurring_runs
    assert new != old
    assert server.recurring_runs[new]["mode"] == "ENABLE"
    assert max(most) == 1


def test_a_changed_package_replaces_the_schedule(server, apply_it, package):
    apply_it()
    package.write_text(package.read_text().replace("12", "13"))
    assert apply_it()[0] == "replaced"
    assert len(server.recurring_runs) == 1
    assert len(server.versions) == 2


def test_enabled_false_pauses_and_enabled_resumes_without_replacing(server, apply_it):
    assert apply_it(at_three(enabled=False))[0] == "created"
    [made] = server.recurring_runs.values()
    assert made["mode"] == "DISABLE"
    assert apply_it()[0] == "resumed"
    assert apply_it(at_three(enabled=False))[0] == "paused"
    assert list(server.recurring_runs) == [made["recurring_run_id"]]


def test_what_others_made_of_that_name_is_replaced_over_all_pages(server, apply_it):
    apply_it()
    [made] = server.recurring_runs.values()
    for _ in range(6):
        server._add(server.recurring_runs, "recurring_run_id", made | {"description": "by hand"})
    other = server._add(
        server.recurring_runs, "recurring_run_id", made | {"display_name": "another"}
    )
    assert apply_it()[0] == "replaced"
    assert set(server.recurring_runs) == {made["recurring_run_id"], other["recurring_run_id"]}


def leftovers(server):
    return [one["mode"] for one in server.recurring_runs.values()]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("replacing", [False, True], ids=["creating", "replacing"])
def test_killed_with_9_at_each_call_the_next_apply_converges(
    server, apply_it, package, endpoint, when, replacing
):
    """A forked process applies and is killed by the server at its n-th call, for every n."""
    fork = multiprocessing.get_context("fork")
    first, second = at_three(), Schedule(cron="0 5 * * *")
    wanted, fated, killed = (second if replacing else first), 0, 0
    while True:
        fated += 1
        for table in (server.pipelines, server.versions, server.experiments):
            table.clear()
        server.recurring_runs.clear()
        server.before = server.after = lambda number: None
        if replacing:
            apply_it(first)
        server.requests.clear()
        victim = fork.Process(target=_apply_quietly, args=(package, endpoint, wanted))

        def kill(number, fated=fated, victim=victim):
            if number == fated:
                os.kill(victim.pid, signal.SIGKILL)
                raise ConnectionAbortedError

        setattr(server, when, kill)
        victim.start()
        victim.join()
        if victim.exitcode == 0:
            break
        assert victim.exitcode == -signal.SIGKILL
        killed += 1
        server.before = server.after = lambda number: None
        apply_it(wanted)
        assert leftovers(server) == ["ENABLE"]
        [left] = server.recurring_runs.values()
        assert left["trigger"]["cron_schedule"]["cron"] == f"0 {wanted.cron}"
        assert apply_it(wanted)[0] == "unchanged"
    assert killed >= (12 if replacing else 11)


def _apply_quietly(package, endpoint, schedule):
    apply(package, endpoint, schedule, say=lambda line: None)
    os._exit(0)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", ["503", "cut"])
def test_a_failure_in_passing_at_any_call_leaves_exactly_one(server, apply_it, when, error):
    apply_it(at_three())
    server.requests.clear()
    apply_it(Schedule(cron="0 5 * * *"))
    calls = len(server.requests)
    problem = Refused(503, "busy") if error == "503" else ConnectionAbortedError()
    for fated in range(1, calls + 1):
        server.recurring_runs.clear()
        server.before = server.after = lambda number: None
        apply_it(at_three())
        server.requests.clear()

        def fail(number, fated=fated):
            if number == fated:
                raise problem

        setattr(server, when, fail)
        apply_it(Schedule(cron="0 5 * * *"))
        assert leftovers(server) == ["ENABLE"]


def test_a_change_of_experiment_reports_the_schedule_left_behind(server, apply_it):
    apply_it()
    elsewhere = Kubeflow(endpoint=server.url, experiment="staging")
    _, said = apply_it(endpoint=elsewhere)
    assert any("Another experiment" in line for line in said)
    assert len(server.recurring_runs) == 2


def test_a_parameter_that_the_package_does_not_have_is_refused_before_anything_is_sent(
    server, apply_it
):
    with pytest.raises(ConfigurationError, match="did you mean epochs"):
        apply_it(at_three(parameters={"epoch": 3}))
    assert server.requests == []


def test_pause_resume_list_and_delete(server, apply_it, change_it):
    apply_it()
    change_it("pause")
    assert leftovers(server) == ["DISABLE"]
    assert "already paused" in change_it("pause")[0]
    [line] = change_it("list")
    assert "digits" in line
    assert "paused" in line
    assert "0 0 3 * * 1-5" in line
    change_it("resume")
    assert leftovers(server) == ["ENABLE"]
    change_it("delete")
    assert server.recurring_runs == {}
    assert change_it("delete")[0].startswith("There is no schedule digits")


def test_apply_undoes_a_pause_and_says_so(server, apply_it, change_it):
    apply_it()
    change_it("pause")
    outcome, said = apply_it()
    assert outcome == "resumed"
    assert "it was paused" in said[-1]


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_there_is_nothing_to_pause_before_apply(change_it, action):
    with pytest.raises(Failure, match="schedule apply"):
        change_it(action)


def test_on_a_server_of_several_users_it_works_in_the_namespace(server, apply_it, change_it):
    server.multi_user = True
    here = Kubeflow(endpoint=server.url, namespace="team-a")
    assert [apply_it(endpoint=here)[0] for _ in range(2)] == ["created", "unchanged"]
    change_it("delete", endpoint=here)
    assert server.recurring_runs == {}


def recurring(identity, mark, mode):
    return types.SimpleNamespace(
        recurring_run_id=identity, description=f"{mark}; x", mode=mode, status=None, created_at=1
    )


recurring_runs = st.builds(
    recurring,
    st.sampled_from("abcdefgh"),
    st.sampled_from([MARK, "steadyfeed schedule 2", "by hand"]),
    st.sampled_from(["ENABLE", "DISABLE"]),
)


@given(existing=st.lists(recurring_runs, max_size=6, unique_by=lambda r: r.recurring_run_id))
def test_from_any_leftovers_the_steps_end_with_exactly_one_that_is_on(existing):
    for count in range(20):
        step = next_step(existing, WANTED)
        if step is None:
            break
        action, identity = step
        if action == "create":
            mode = "DISABLE" if existing else "ENABLE"
            existing = [*existing, recurring(f"new {count}", MARK, mode)]
        elif action == "delete":
            existing = [r for r in existing if r.recurring_run_id != identity]
        else:
            assert step == ("enable", existing[0].recurring_run_id)
            existing[0].mode = "ENABLE"
    [left] = existing
    assert (left.mode, left.description) == ("ENABLE", f"{MARK}; x")
