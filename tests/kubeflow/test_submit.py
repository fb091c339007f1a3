"""Submitting to a server that speaks the v2beta1 API, through the real SDK."""

import logging
import socket
import time

import pytest

from failures import ConfigurationError, Failure
from settings.kubeflow import Kubeflow
from tests.kubeflow.pipelines_server import Refused


def fail_at(numbers, error):
    def fail(number):
        if number in numbers:
            raise error

    return fail


def test_the_first_submit_makes_pipeline_version_experiment_and_run(server, run_it, package):
    endpoint = Kubeflow(endpoint=server.url, pipeline_root="minio://b/root")
    code, said = run_it("epochs=3", "dataset=mnist:3.0.1", endpoint=endpoint)
    assert code == 0
    [pipeline], [version] = server.pipelines.values(), server.versions.values()
    [experiment], [run] = server.experiments.values(), server.runs.values()
    assert pipeline["display_name"] == experiment["display_name"] == "digits"
    assert version["display_name"].startswith("sha256-")
    assert server.files == [package.read_bytes()]
    assert run["runtime_config"] == {
        "parameters": {"epochs": 3, "dataset": "mnist:3.0.1"},
        "pipeline_root": "minio://b/root",
    }
    assert run["experiment_id"] == experiment["experiment_id"]
    assert said[-1].endswith(f"{server.url}/#/runs/details/{run['run_id']}")


def test_unchanged_content_makes_no_second_version_and_changed_content_does(
    server, run_it, package
):
    run_it()
    _, said = run_it()
    assert len(server.versions) == 1
    assert len(server.runs) == 2
    assert "is already there" in said[0]
    package.write_text(package.read_text().replace("12", "13"))
    run_it()
    assert len(server.versions) == 2
    assert len(server.pipelines) == len(server.experiments) == 1


@pytest.mark.parametrize("conflict", [409, 500], ids=["since 2.5", "before"])
def test_another_submit_that_uploads_the_same_meanwhile_does_no_harm(server, run_it, conflict):
    server.upload_conflict = conflict
    run_it()
    [hidden] = server.versions
    kept = server.versions.pop(hidden)

    def reappear(number):
        if server.requests[-1][1] == "/pipelines/upload_version":
            server.versions[hidden] = kept

    server.before = reappear
    run_it()
    assert len(server.versions) == 1
    assert server.runs[max(server.runs)]["pipeline_version_reference"] == {
        "pipeline_id": kept["pipeline_id"],
        "pipeline_version_id": hidden,
    }


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_that_fails_in_passing_is_repeated_and_leaves_one_of_each(
    server, run_it, naps, status, when
):
    run_it()
    calls = len(server.requests)
    for fated in range(1, calls + 1):
        for table in (server.pipelines, server.versions, server.experiments, server.runs):
            table.clear()
        server.requests.clear()
        setattr(server, when, fail_at([fated], Refused(status)))
        naps.clear()
        assert run_it()[0] == 0
        assert len(naps) == 1
        tables = (server.pipelines, server.versions, server.experiments, server.runs)
        assert [len(table) for table in tables] == [1, 1, 1, 1]


def test_a_workflow_that_argo_refuses_is_not_sent_again(server, run_it, naps):
    def refuse(number):
        if server.requests[-1][:2] == ("POST", "/runs"):
            raise Refused(500, "InternalServerError: Failed to validate workflow for run")

    server.before = refuse

    with pytest.raises(Failure, match=r"refuses this \(500\): .*Failed to validate workflow"):
        run_it()

    assert naps == []
    assert not server.runs


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cut_connection_at_any_call_leaves_one_of_each(server, run_it, when):
    run_it()
    calls = len(server.requests)
    for fated in range(1, calls + 1):
        tables = (server.pipelines, server.versions, server.experiments, server.runs)
        for table in tables:
            table.clear()
        server.requests.clear()
        setattr(server, when, fail_at([fated], ConnectionAbortedError()))
        assert run_it()[0] == 0
        assert [len(table) for table in tables] == [1, 1, 1, 1]


def test_of_two_runs_that_cut_calls_made_one_goes_on(server, run_it):
    unseen = {}

    def cut(number):
        if server.requests[-1] == ("POST", "/runs"):
            if not unseen:  # The server lists it only later.
                unseen.update(server.runs)
                server.runs.clear()
            else:
                server.runs.update(unseen)
            raise ConnectionAbortedError

    server.after = cut
    assert run_it()[0] == 0
    assert sorted(run["state"] for run in server.runs.values()) == ["CANCELING", "PENDING"]


def test_waits_double_and_the_server_may_ask_for_one(server, run_it, naps):
    server.before = fail_at([1, 2, 3], Refused(503))
    run_it()
    assert naps == [0.5, 1.0, 2.0]
    naps.clear()
    server.requests.clear()
    server.before = fail_at([1], Refused(429, Retry_After="7"))
    run_it()
    assert naps == [7.0]


def test_a_server_that_stays_broken_is_reported_in_one_line(server, run_it):
    server.before = fail_at(range(1, 100), Refused(503, "upstream\nconnect error"))
    with pytest.raises(Failure, match=r"answered 503 5 times: upstream\. Look") as failure:
        run_it()
    assert "\n" not in str(failure.value)
    assert len(server.requests) == 5


def test_401_says_what_to_set_and_shows_no_token(server, run_it, environment, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    server.token = "the right one"
    with pytest.raises(Failure, match=r"\(401\)\. Set the environment variable KFP_EXISTING_T"):
        run_it()
    environment(KFP_EXISTING_TOKEN="s3cret")
    with pytest.raises(Failure) as failure:
        run_it()
    assert "s3cret" not in str(failure.value) + caplog.text + "".join(capfd.readouterr())
    assert len(server.requests) == 2, "a 401 is not repeated"


def test_the_token_comes_from_the_environment_or_a_file_that_is_read_for_every_call(
    server, run_it, environment, monkeypatch, tmp_path
):
    server.token = "first"
    environment(KFP_EXISTING_TOKEN="first\n")
    assert run_it()[0] == 0
    monkeypatch.delenv("KFP_EXISTING_TOKEN")
    file = tmp_path / "token"
    file.write_text("first")

    def renew(number):
        server.token = f"token {number}"
        file.write_text(server.token)

    server.after = renew
    environment(KF_PIPELINES_SA_TOKEN_PATH=str(file))
    assert run_it()[0] == 0
    endpoint = Kubeflow(endpoint=server.url, token_file=str(file))
    assert run_it(endpoint=endpoint)[0] == 0


def test_a_token_file_that_is_not_there_is_named(server, run_it, tmp_path):
    endpoint = Kubeflow(endpoint=server.url, token_file=str(tmp_path / "none"))
    with pytest.raises(Failure, match=r"kubeflow\.token_file"):
        run_it(endpoint=endpoint)


def test_a_login_page_is_recognised(server, run_it):
    server.before = fail_at([1], Refused(302, Location="http://127.0.0.1:1/login"))
    with pytest.raises(Failure, match=r"login page \(302\)\. Set the environment"):
        run_it()
    server.before = lambda number: None
    server.answer = lambda *_: b"<html>Log in</html>"
    with pytest.raises(Failure, match="not as Kubeflow Pipelines does"):
        run_it()


def test_what_is_not_allowed_names_the_namespace(server, run_it, environment):
    server.multi_user = True
    environment(KFP_NAMESPACE="team-a")
    server.before = fail_at([2], Refused(403, "User 'ann' cannot list"))
    with pytest.raises(Failure, match=r"in namespace team-a \(403\): User 'ann' cannot list"):
        run_it()


def test_a_server_of_several_users_wants_a_namespace(server, run_it, environment):
    server.multi_user = True
    with pytest.raises(Failure, match=r"Set kubeflow\.namespace, or KFP_NAMESPACE"):
        run_it()
    environment(KFP_NAMESPACE="team-a")
    assert run_it()[0] == 0
    [experiment] = server.experiments.values()
    assert experiment["namespace"] == "team-a"


def test_an_address_where_nothing_listens_is_reported_at_once(run_it, naps):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Failure, match=r"cannot be reached\. Check") as failure:
            run_it(endpoint=Kubeflow(endpoint=url))
    assert "\n" not in str(failure.value)
    assert naps == []


def test_a_server_that_does_not_answer_is_given_up_after_the_timeout(server, run_it):
    server.before = lambda number: time.sleep(1)
    endpoint = Kubeflow(endpoint=server.url, timeout_seconds=0.2)
    with pytest.raises(Failure, match="does not answer in time"):
        run_it(endpoint=endpoint)


def test_a_plain_http_server_behind_https_is_reported_in_one_line(server, run_it):
    endpoint = Kubeflow(endpoint=server.url.replace("http:", "https:"))
    with pytest.raises(Failure, match="kubeflow") as failure:
        run_it(endpoint=endpoint)
    assert "\n" not in str(failure.value)


def test_without_any_endpoint_both_ways_to_give_one_are_named(run_it):
    with pytest.raises(Failure, match=r"kubeflow.endpoint .* KF_PIPELINES_ENDPOINT"):
        run_it(endpoint=Kubeflow())


def test_the_endpoint_may_come_from_the_environment(server, run_it, environment):
    environment(
        KF_PIPELINES_ENDPOINT=server.url + "/",
        KF_PIPELINES_UI_ENDPOINT="https://kubeflow.example/pipeline",
    )
    _, said = run_it(endpoint=Kubeflow())
    assert "https://kubeflow.example/pipeline/#/runs/details/" in said[-1]


@pytest.mark.parametrize(
    ("parameter", "cause"),
    [("epoch=3", "did you mean epochs"), ("epochs=x", "NUMBER_INTEGER"), ("epochs", "name=value")],
)
def test_a_wrong_parameter_is_refused_before_anything_is_sent(server, run_it, parameter, cause):
    with pytest.raises(ConfigurationError, match=cause):
        run_it(parameter)
    assert server.requests == []


def test_a_missing_package_says_how_to_make_one(server, run_it):
    with pytest.raises(ConfigurationError, match="python -m pipeline compile"):
        run_it(file="nowhere.yaml")


def test_an_archived_experiment_is_not_used(server, run_it):
    run_it()
    next(iter(server.experiments.values()))["storage_state"] = "ARCHIVED"
    with pytest.raises(Failure, match="experiment digits is archived"):
        run_it()
