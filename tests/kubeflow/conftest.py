"""A server of pipelines, a package for it, and clocks that take no time."""

import time

import pytest

from kfp.submit_run import submit
from settings.kubeflow import Kubeflow
from tests.kubeflow.pipelines_server import PipelinesServer


@pytest.fixture(autouse=True)
def _not_in_a_pod(monkeypatch, tmp_path):
    """The tests may run in a pod, which has a namespace and a token of its own."""
    monkeypatch.setattr("kfp.submit_connection.NAMESPACE_FILE", tmp_path / "no_namespace")
    monkeypatch.setattr("kfp.submit_token._POD_TOKEN", str(tmp_path / "no_token"))


@pytest.fixture
def environment(monkeypatch):
    """A function that sets environment variables."""

    def set_them(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_them


@pytest.fixture
def server():
    server = PipelinesServer()
    yield server
    server.close()


@pytest.fixture
def endpoint(server):
    return Kubeflow(endpoint=server.url)


_PACKAGE = """
components:
  comp-Trainer: {executorLabel: exec}
deploymentSpec:
  executors:
    exec: {container: {image: "steadyfeed:1", command: [python]}}
pipelineInfo: {name: digits}
root:
  dag:
    tasks:
      Trainer: {componentRef: {name: comp-Trainer}, taskInfo: {name: Trainer}}
  inputDefinitions:
    parameters:
      dataset: {parameterType: STRING, defaultValue: digits}
      epochs: {parameterType: NUMBER_INTEGER, defaultValue: 12}
      learning_rate: {parameterType: NUMBER_DOUBLE, defaultValue: 0.001}
schemaVersion: 2.1.0
sdkVersion: tfx-1.21.0
"""


@pytest.fixture
def package(tmp_path):
    file = tmp_path / "digits.yaml"
    file.write_text(_PACKAGE)
    return file


@pytest.fixture
def run_it(endpoint, package):
    """Submits the package; returns (exit code, the lines that were said)."""

    def run_it(*parameters, file=package, endpoint=endpoint, wait=False):
        said = []
        return submit(file, endpoint, parameters, wait, say=said.append), said

    return run_it


class Naps(list):
    """Stands for time.sleep: notes the seconds and takes none."""

    def __call__(self, seconds):
        assert 0 <= seconds <= 60
        self.append(seconds)
        time.sleep(0)


@pytest.fixture(autouse=True)
def naps(monkeypatch):
    naps = Naps()
    monkeypatch.setattr("kfp.api_server.sleep", naps)
    monkeypatch.setattr("kfp.submit_run.sleep", naps)
    monkeypatch.setattr("kfp.api_server.random.random", lambda: 0.5)
    return naps
