"""Why a step failed whose pod is gone: its log in the artifact store says so."""

import pytest

from kfp.runs import show_run
from kfp.submit_run import submit
from settings.kubeflow import Kubeflow
from tests.bucket_servers import Bucket
from tests.kubeflow.test_waiting import FAILED, POD

STORE = "set AWS_ENDPOINT_URL to the address of the cluster's store"


@pytest.fixture
def failed_run(server, package):
    """A function: a pipeline root → a run below it whose Trainer failed, and its server."""

    def make(root):
        endpoint = Kubeflow(endpoint=server.url, pipeline_root=root)
        submit(package, endpoint, say=lambda line: None)
        [run] = server.runs.values()
        fail(run)
        return run["run_id"], endpoint

    return make


@pytest.fixture
def cluster_store(s3_server, monkeypatch):
    """The bucket of a cluster's default pipeline root, as behind a port that kubectl forwards."""
    made = Bucket("s3", s3_server, "mlpipeline")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def fail(run):
    run |= {"state": "FAILED", "run_details": {"task_details": FAILED}}


def cause(run_id, endpoint):
    said = []
    show_run(run_id, endpoint, say=said.append)
    [line] = [line for line in said if line.startswith("Trainer failed: ")]
    return line.removeprefix("Trainer failed: ")


def test_the_log_of_the_last_attempt_names_the_cause(failed_run, bucket):
    run_id, endpoint = failed_run(f"{bucket.address}/runs")
    step = f"runs/digits/{run_id}/Trainer/3f2a"
    bucket.put(f"{step}/model/saved_model.pb", b"an output")
    for attempt in (0, 2, 10):
        text = f"INFO: began\nTrainer failed: attempt {attempt}\nINFO: exit\n"
        bucket.put(f"{step}/executor-logs-{attempt}", text.encode())

    assert cause(run_id, endpoint) == "attempt 10"


@pytest.mark.parametrize("root", [None, "minio://mlpipeline/v2/artifacts?endpoint=x:9000"])
def test_a_clusters_own_store_is_asked_at_the_endpoint_of_the_environment(
    failed_run, cluster_store, root
):
    run_id, endpoint = failed_run(root)
    place = f"digits/{run_id}/Trainer/3f2a/executor-logs"  # as before Kubeflow 2.17
    cluster_store.put(f"v2/artifacts/{place}", b"step 17 of 90\n")

    assert cause(run_id, endpoint) == (
        "it was killed from outside, perhaps for lack of memory; its log is "
        f"minio://mlpipeline/v2/artifacts/{place}"
    )


def test_waiting_for_a_run_ends_with_the_uploaded_cause(server, package, cluster_store):
    def end(number):
        if server.requests[-1] == ("GET", "/runs/run-4"):
            place = "v2/artifacts/digits/run-4/Trainer/3f2a/executor-logs-0"
            cluster_store.put(place, b"Trainer failed: The disk is full.\n")
            fail(server.runs["run-4"])

    server.before, said = end, []

    assert submit(package, Kubeflow(endpoint=server.url), wait=True, say=said.append) == 1
    assert said[-2:] == ["Trainer failed: The disk is full.", "The run has ended: failed"]


@pytest.mark.parametrize(
    ("root", "why"),
    [
        ("minio://mlpipeline/elsewhere", "there is none"),
        ("s3://nowhere/runs", "there is no bucket 'nowhere'"),
    ],
)
def test_a_store_that_has_no_log_leaves_the_command_to_type(failed_run, cluster_store, root, why):
    assert cause(*failed_run(root)) == (
        f"neither its pod nor an uploaded log can be read here ({why}); try "
        f"`kubectl -n kubeflow logs {POD} -c main`"
    )


def test_a_clusters_store_is_never_looked_for_at_aws(failed_run):
    assert f"({STORE})" in cause(*failed_run("minio://mlpipeline/runs"))


def test_the_log_of_a_pipeline_that_someone_deleted_is_not_looked_for(server, failed_run):
    run_id, endpoint = failed_run(None)
    server.pipelines.clear()

    assert "(there is none)" in cause(run_id, endpoint)
