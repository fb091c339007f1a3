"""A step runs its Job through Kubernetes' API, and leaves nothing of it behind."""

import base64
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from kubernetes import client

from failures import Failure
from files.strict_json import text_of
from kfp import worker, worker_cluster
from kfp.shared_folder import still_here
from kfp.worker_cluster import Cluster
from kfp.worker_job import named, template
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step, Volume
from settings.workers import Workers
from tests.kubernetes_server import KubernetesServer, Refused
from tests.processes import wait_for

PROJECT = Path(__file__).resolve().parents[2]
NAME = "steadyfeed-workers-1"
WELL = "pass"


@pytest.fixture
def server(tmp_path):
    server = KubernetesServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def cluster(server, monkeypatch):
    monkeypatch.setattr(worker_cluster, "_LOOK_EVERY", 0.02)
    return Cluster(client.ApiClient(client.Configuration(host=server.url)), "kubeflow")


@pytest.fixture
def objects(tmp_path):
    """A function (body of a pod's program, restarts): the Service and a Job of two such pods."""

    def make(body, restarts=2):
        volume = Volume(claim="shared", mount_path=str(tmp_path))
        kubeflow = Kubeflow(work_dir=str(tmp_path), steps={"Trainer": Step(volumes=[volume])})
        workers = Workers(workers=2, worker_restarts=restarts)
        made = template(kubeflow, workers, "steadyfeed:1", {})
        both = named(made, NAME, str(tmp_path), None)
        [container] = both["job"]["spec"]["template"]["spec"]["containers"]
        head = "import os, sys, time; n = int(os.environ['JOB_COMPLETION_INDEX'])\n"
        container["command"] = ["python", "-c", head + body]
        return both

    return make


def waiting_for(file):
    """A pod's program that ends when there is a file, or after a minute."""
    return f"""
until = time.monotonic() + 60
while not os.path.exists({str(file)!r}) and time.monotonic() < until:
    time.sleep(0.02)"""


def test_the_job_runs_and_nothing_of_it_is_left(cluster, server, objects):
    cluster.run(objects(WELL))
    assert [one["kind"] for one in server.created] == ["Service", "Job"]
    assert sorted(server.starts) == ["0", "1"]
    assert server.objects == {}


def test_what_an_earlier_attempt_left_is_deleted_first(cluster, server, objects):
    for kind, document in objects("time.sleep(600)").items():
        server._answer("POST", f"{kind}s", None, document)
    wait_for(lambda: len(server.pods) == 2)
    before = list(server.pods.values())
    cluster.run(objects(WELL))
    assert all(pod.poll() is not None for pod in before)
    assert sorted(server.starts) == ["0", "0", "1", "1"]
    assert server.objects == {}


@pytest.mark.slow
def test_an_evicted_pod_is_replaced_however_often(cluster, server, objects, tmp_path):
    enough = tmp_path / "enough"

    def evict_three_times():
        try:
            for started in range(1, 4):
                wait_for(lambda started=started: server.starts.count("1") == started)
                server.evict("1")
            wait_for(lambda: server.starts.count("1") == 4)
        finally:
            enough.touch()

    with ThreadPoolExecutor() as threads:
        evicting = threads.submit(evict_three_times)
        cluster.run(objects(waiting_for(enough), restarts=0))
        evicting.result(60)
    assert server.starts.count("0") == 1
    assert server.objects == {}


def test_a_pod_that_is_killed_too_often_ends_the_job_in_one_line(cluster, server, objects):
    with pytest.raises(Failure, match=f"^the Job {NAME} failed: FailedIndexes: Job has failed"):
        cluster.run(objects("os.kill(os.getpid(), 9) if n else time.sleep(600)"))
    assert server.starts.count("1") == 3
    assert server.objects == {}


@pytest.mark.slow
def test_an_api_that_is_away_for_a_while_is_waited_for(cluster, server, objects):
    answers = iter([503, 429, None, 500])

    def fail(method, kind):
        status = next(answers, None)
        if status:
            raise Refused(status, "the server is currently unable to handle the request")

    server.before = fail
    cluster.run(objects(WELL))
    assert server.objects == {}


@pytest.mark.slow
def test_a_race_for_a_quota_is_run_again(cluster, server, objects):
    message = (
        'Operation cannot be fulfilled on resourcequotas "gpus": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    answers = iter([Refused(503, "busy"), Refused(409, message, "Conflict")])

    def fail(method, kind):
        if (method, kind) == ("POST", "jobs") and (refused := next(answers, None)):
            raise refused

    server.before = fail
    cluster.run(objects(WELL))
    assert sorted(server.starts) == ["0", "1"]
    assert server.objects == {}


def test_a_job_whose_creation_was_answered_too_late_is_not_made_twice(cluster, server, objects):
    made = objects(WELL)
    late = iter([503])

    def fail(method, kind):
        if (method, kind) == ("POST", "jobs") and (status := next(late, None)):
            server._answer("POST", "jobs", None, made["job"])
            raise Refused(status, "the server was too slow")

    server.before = fail
    cluster.run(made)
    assert sorted(server.starts) == ["0", "1"]
    assert server.objects == {}


def test_another_conflict_is_reported(cluster, server, objects):
    answers = iter([Refused(503, "busy"), Refused(409, "the namespace is terminating", "Conflict")])

    def refuse(method, kind):
        if (method, kind) == ("POST", "jobs") and (refused := next(answers, None)):
            raise refused

    server.before = refuse
    with pytest.raises(Failure, match=r"create_namespaced_job .409: the namespace is terminating"):
        cluster.run(objects(WELL))


@pytest.mark.parametrize(
    ("account", "way_on"),
    [
        (None, "gives pipeline-runner the right to."),
        ("trainer", "gives trainer the right to once workers.yaml there names that account."),
    ],
)
def test_an_account_without_the_right_is_told_how_to_get_it(server, objects, account, way_on):
    def refuse(method, kind):
        if (method, kind) == ("POST", "jobs"):
            raise Refused(403, 'User "pipeline-runner" cannot create resource "jobs"')

    server.before = refuse
    api = client.ApiClient(client.Configuration(host=server.url))
    with pytest.raises(Failure, match="cannot create resource") as refused:
        Cluster(api, "kubeflow", account).run(objects(WELL))
    assert f"`kubectl apply -k kfp/manifests` {way_on}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert server.objects == {}


def test_a_namespace_that_is_gone_is_reported_when_the_job_is_made(cluster, server, objects):
    def refuse(method, kind):
        if (method, kind) == ("POST", "jobs"):
            raise Refused(404, 'namespaces "kubeflow" not found')

    server.before = refuse
    with pytest.raises(Failure, match=r'create_namespaced_job .404: namespaces "kubeflow" not'):
        cluster.run(objects(WELL))


def test_a_job_that_someone_deletes_is_reported(cluster, server, objects):
    def delete_soon():
        try:
            wait_for(lambda: len(server.pods) == 2)
        finally:
            server._answer("DELETE", "jobs", NAME, None)

    with ThreadPoolExecutor() as threads:
        deleting = threads.submit(delete_soon)
        with pytest.raises(Failure, match="was deleted while the training needed it"):
            cluster.run(objects("time.sleep(600)"))
        deleting.result(60)
    assert server.objects == {}


def test_outside_of_a_pod_there_is_no_api_to_ask():
    with pytest.raises(Failure, match=r"^This step makes pods and cannot reach Kubernetes"):
        Cluster.of_this_pod()


def token(**claims):
    """A JSON Web Token, as Kubernetes puts it into a pod."""
    parts = (text_of(part).encode() for part in ({"alg": "RS256"}, claims))
    head, body = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return f"{head}.{body}.c2lnbmF0dXJl"


@pytest.fixture
def in_a_pod(server, monkeypatch, tmp_path):
    """A function (the token of this pod): the cluster as the pod finds it."""

    def found(written):
        namespace, file = tmp_path / "namespace", tmp_path / "token"
        namespace.write_text("kubeflow\n")
        file.write_text(written)
        monkeypatch.setattr(worker_cluster, "NAMESPACE_FILE", namespace)
        monkeypatch.setattr(worker_cluster, "TOKEN_FILE", file)
        here = client.Configuration(host=server.url)
        monkeypatch.setattr(client.Configuration, "_default", here)
        monkeypatch.setattr(worker_cluster.config, "load_incluster_config", lambda: None)
        monkeypatch.setattr(worker_cluster, "_LOOK_EVERY", 0.02)
        return Cluster.of_this_pod()

    return found


def accounts(server):
    jobs = [one for one in server.created if one["kind"] == "Job"]
    return [job["spec"]["template"]["spec"].get("serviceAccountName") for job in jobs]


@pytest.mark.slow
def test_pods_run_as_the_account_of_the_step(in_a_pod, server, objects):
    step = in_a_pod(token(sub="system:serviceaccount:kubeflow:pipeline-runner"))
    step.run(objects(WELL))
    named = objects(WELL)
    named["job"]["spec"]["template"]["spec"]["serviceAccountName"] = "trainer"
    step.run(named)
    assert accounts(server) == ["pipeline-runner", "trainer"]


@pytest.mark.parametrize("given", ["", "opaque", "a.b.c", token(), token(sub="admin")])
def test_a_token_that_names_no_account_leaves_the_pods_the_default_one(
    in_a_pod, server, objects, given
):
    in_a_pod(given).run(objects(WELL))
    assert accounts(server) == [None]


SILENT = """
import logging, sys
from pathlib import Path
from kfp import worker

logging.warning("as a library may say while it is imported")
worker._LONGEST_SILENCE = 0.2
worker.execute = lambda folder, number: worker.time.sleep(600)
sys.exit(worker.main(Path(sys.argv[1]), ["a-0.a:2222"]))
"""


@pytest.mark.slow
def test_a_worker_ends_when_the_step_that_made_its_job_is_gone(tmp_path):
    environment = os.environ | {"JOB_COMPLETION_INDEX": "0", "PYTHONPATH": str(PROJECT)}
    words = [sys.executable, "-c", SILENT, str(tmp_path)]
    assert subprocess.run(words, env=environment, timeout=120, check=False).returncode == 1
    assert "The step that started this training is gone" in (tmp_path / "worker-0.log").read_text()


def test_a_worker_stays_for_as_long_as_the_step_says_that_it_is_there(tmp_path, monkeypatch):
    now, last = 0.0, 3 * worker._LONGEST_SILENCE

    def sleep(seconds):
        nonlocal now
        now += seconds
        if now <= last:
            still_here(tmp_path)

    clock = SimpleNamespace(monotonic=lambda: now, sleep=sleep)
    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(worker, "os", SimpleNamespace(_exit=sys.exit))
    with pytest.raises(SystemExit, match=r"^1$"):
        worker.end_without_the_step(tmp_path)
    assert last + worker._LONGEST_SILENCE <= now <= last + 1.1 * worker._LONGEST_SILENCE


@pytest.mark.slow
def test_the_step_says_that_it_is_there_for_as_long_as_it_waits(cluster, objects, tmp_path):
    said, enough = [], tmp_path / "enough"

    def say():
        said.append("here")
        if len(said) == 4:
            enough.touch()

    cluster.run(objects(waiting_for(enough)), say)
    assert enough.exists()
