"""A training's tf.data service is there for its time, on a cluster and without one."""

import errno
import os
import signal
import threading
from functools import partial
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from cli.command_line import main
from components.free_ports import free_ports
from failures import Failure
from kfp import data_service_step, pods_beside, shared_folder, worker_cluster
from kfp.data_service_job import Addresses, template
from kfp.launcher_paths import ROOT_VARIABLE
from kfp.worker_cluster import Cluster
from settings.kubeflow import Kubeflow
from tests.kubernetes_server import KubernetesServer
from tests.processes import forking, wait_for

ROLE = Path(__file__).parents[2] / "kfp" / "manifests" / "workers.yaml"
VERBS = {"GET": "get", "POST": "create", "DELETE": "delete"}
NAME = "steadyfeed-data-1"


@pytest.fixture
def given(tmp_path, monkeypatch):
    """The template of a dispatcher and two workers; looks at them are a moment apart."""
    monkeypatch.setattr(data_service_step, "_ASK_EVERY", 0.02)
    monkeypatch.setattr(pods_beside, "_LOOK_EVERY", 0.02)
    volume = {"claim": "shared", "mount_path": str(tmp_path)}
    section = {
        "work_dir": str(tmp_path),
        "data_service_workers": 2,
        "steps": {"Trainer": {"volumes": [volume]}},
    }
    return template(Kubeflow.model_validate(section), 2, "steadyfeed:1", {"_KFP_RUNTIME": "true"})


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = KubernetesServer(tmp_path)
    cluster = Cluster(client.ApiClient(client.Configuration(host=server.url)), "kubeflow")
    monkeypatch.setattr(worker_cluster, "_LOOK_EVERY", 0.02)
    monkeypatch.setattr(Cluster, "of_this_pod", lambda: cluster)
    dispatcher, *workers = (f"localhost:{port}" for port in free_ports(3))
    # The names of pods are known in a cluster only.
    monkeypatch.setattr(
        data_service_step, "pod_addresses", lambda name, count: Addresses(dispatcher, workers)
    )
    yield server
    server.close()


@pytest.fixture
def stand_ins(given, monkeypatch):
    """A function (body of a pod's program, whether pods answer): `service` with such pods."""

    def make(body, answer=True):
        monkeypatch.setattr(data_service_step, "answers", lambda address, seconds: answer)
        for role in ("dispatcher", "workers"):
            [container] = given[role]["spec"]["template"]["spec"]["containers"]
            container["command"] = ["python", "-c", f"import os, sys, time; {body}"]
        return partial(data_service_step.service, given, NAME)

    return make


@pytest.mark.slow
def test_the_service_goes_with_the_training_and_takes_no_more_rights_than_the_manifests_give(
    stand_ins, server, tmp_path
):
    used = set()
    server.before = lambda method, kind: used.add((kind, VERBS[method]))
    with stand_ins("time.sleep(600)")(tmp_path) as dispatcher:
        assert dispatcher.startswith("localhost:")
        wait_for(lambda: len(server.pods) == 3)
        pods = list(server.pods.values())
        wait_for(lambda: (tmp_path / shared_folder.STEP_IS_HERE).exists())
    assert [one["kind"] for one in server.created] == ["Service", "Job", "Job"]
    assert server.objects == {}
    assert all(pod.poll() is not None for pod in pods)
    role = next(yaml.safe_load_all(ROLE.read_text()))
    allowed = {
        (kind, verb)
        for rule in role["rules"]
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }
    assert used <= allowed


@pytest.mark.slow
def test_it_goes_as_well_when_the_training_fails_or_its_run_is_stopped(stand_ins, server, tmp_path):
    make = stand_ins("time.sleep(600)")
    with pytest.raises(Failure, match=r"^Trainer: the loss diverged\.$"), make(tmp_path):
        raise Failure("Trainer: the loss diverged.")
    assert server.objects == {}
    with (
        pytest.raises(Failure, match="the run was stopped"),
        shared_folder.ended_by_sigterm(),
        make(tmp_path),
    ):
        signal.raise_signal(signal.SIGTERM)
    assert server.objects == {}


@pytest.mark.slow
def test_a_pod_that_cannot_begin_ends_the_step_in_one_line_with_its_own_words(
    stand_ins, server, tmp_path
):
    body = (
        "os.makedirs(f'{sys.argv[2]}/{sys.argv[1]}', exist_ok=True); "
        "open(f'{sys.argv[2]}/{sys.argv[1]}/failure-0', 'w').write('no room'); sys.exit(1)"
    )
    with (
        pytest.raises(Failure, match=r"failed: PodFailurePolicy.*no room \(\w+ 0\)") as told,
        stand_ins(body, answer=False)(tmp_path),
    ):
        pass
    assert "\n" not in str(told.value)
    assert server.objects == {}


@pytest.mark.slow
def test_a_training_without_its_service_says_that_the_pods_were_lost_too_often(
    stand_ins, server, tmp_path
):
    def train(make):
        with make(tmp_path):
            wait_for(lambda: any(map(conditions_of, server.objects.values())))
            before = len(looks)
            wait_for(lambda: looks[before:].count("GET") > 3)  # two rounds of two Jobs
            raise Failure("No batch came.")

    looks = []
    server.before = lambda method, kind: looks.append(method)
    with pytest.raises(Failure, match=r"^No batch came\. \(the data service: the Job .* failed"):
        train(stand_ins("os.kill(os.getpid(), 9)"))


def conditions_of(document):
    return document["status"].get("conditions")


@pytest.mark.slow
def test_a_service_that_does_not_begin_in_time_is_named(stand_ins, server, tmp_path, monkeypatch):
    monkeypatch.setattr(data_service_step, "_LONGEST_START", 0.1)
    with (
        pytest.raises(Failure, match=r"^kubeflow\.data_service_workers: nothing answers at local"),
        stand_ins("time.sleep(600)", answer=False)(tmp_path),
    ):
        pass
    assert server.objects == {}


@pytest.mark.slow
def test_the_time_in_a_queue_is_not_counted(stand_ins, server, tmp_path, monkeypatch):
    monkeypatch.setattr(data_service_step, "_LONGEST_START", 0.5)
    server.suspends = True
    admitting = threading.Timer(2.0, server.admit)
    admitting.start()
    with (
        pytest.raises(Failure, match=r"^kubeflow\.data_service_workers: nothing answers at local"),
        stand_ins("time.sleep(600)", answer=False)(tmp_path),
    ):
        pass
    assert not admitting.is_alive()
    assert server.starts


@pytest.mark.slow
def test_the_step_says_that_it_is_there_before_each_look_at_a_job(stand_ins, server, tmp_path):
    # Each look takes minutes while the API is away.
    server.suspends, heard, here = True, [], tmp_path / shared_folder.STEP_IS_HERE

    def look(method, kind):
        heard.append(here.exists())
        here.unlink(missing_ok=True)

    with stand_ins("time.sleep(600)")(tmp_path):
        server.before = look
        wait_for(lambda: len(heard) > 5)
        server.before = lambda method, kind: None
    assert all(heard)


def test_a_folder_that_cannot_be_removed_yet_fails_no_step(tmp_path, caplog, monkeypatch):
    def busy(path):
        raise OSError(errno.ENOTEMPTY, "Directory not empty", path)

    monkeypatch.setattr(shared_folder.writing, "remove", busy)
    shared_folder.remove(tmp_path)
    assert "stays for now" in caplog.text


def answers(address):
    """As the pods' liveness probe asks."""
    return main(["data-service", "check", address, "--seconds", "30"]) == 0


@pytest.mark.slow
def test_a_pod_that_is_asked_to_end_is_replaced_and_answers_again(given, server, tmp_path):
    with data_service_step.service(given, NAME, tmp_path) as dispatcher:
        assert answers(dispatcher)
        os.kill(server.pods["dispatcher-0"].pid, signal.SIGTERM)
        wait_for(lambda: server.starts.count("dispatcher-0") == 2)
        wait_for(lambda: data_service_step.answers(dispatcher, 1.0))
        pods = list(server.pods.values())
    assert all(pod.poll() is not None for pod in pods)


@pytest.mark.slow
def test_run_package_starts_the_pods_as_processes_of_this_machine(given, tmp_path, monkeypatch):
    stand_in = forking(anew=lambda number: False)
    monkeypatch.setattr(data_service_step, "subprocess", stand_in)
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    with data_service_step.service(given, NAME, tmp_path) as dispatcher:
        assert answers(dispatcher)
        assert len(stand_in.started) == 3
        assert all(process.poll() is None for process in stand_in.started)
    assert all(process.poll() is not None for process in stand_in.started)
