"""The toy pipeline's modules are importable here and in the steps' processes."""

import sys
from pathlib import Path

import pytest
import yaml

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)


@pytest.fixture(autouse=True)
def _steps_find_the_toy(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", HERE)


@pytest.fixture
def run_before(run_here):
    """A function: a component's id → `run_here` that fails that step unrun, which ends a run."""

    def before(component):
        def run(command, environment, log):
            if component in command:
                log.write_text(f"the test ends before {component}")
                return 1
            return run_here(command, environment, log)

        return run

    return before


@pytest.fixture(scope="session")
def toy_package(tmp_path_factory):
    """A function: (file name, destination, **keywords) → the path of the toy's package."""
    from toy_pipeline import write_toy_package

    folder = tmp_path_factory.mktemp("packages")

    def make(name, destination, **given):
        return write_toy_package(folder / name, destination, **given)

    return make


@pytest.fixture(scope="session")
def package_with_pods(tmp_path_factory):
    """A package of digits whose Trainer has a data service and whose Tuner has pods.

    As read_package gives it: (spec, Kubernetes' fields by executor).
    """
    from kfp.compile_package import compile_package
    from kfp.package_rules import read_package
    from settings.reading import load

    step = {"gpu": 1, "volumes": [{"claim": "shared", "mount_path": "/work"}]}
    credentials = {
        "secrets": [{"secret": "bucket", "key": "token", "variable": "TOKEN"}],
        "environment": {"AWS_REGION": "eu-central-1"},
    }
    kubeflow = {
        "work_dir": "/work/steadyfeed",
        "data_service_workers": 3,
        "trial_pods": True,
        "every_step": {"cpu": "1", "memory": "4Gi"},
        "steps": {"Trainer": step, "Tuner": step | credentials, "DataService": {"cpu": "16"}},
    }
    tuner = {
        "trials": 8,
        "epochs": 1,
        "parallel_trials": 3,
        "search_space": {"training.learning_rate": {"choices": [0.001, 0.01]}},
    }
    words = [
        f"{name}={yaml.safe_dump(section, default_flow_style=True, width=10**6)}"
        for name, section in {"kubeflow": kubeflow, "tuner": tuner}.items()
    ]
    words.append("training.input.data_service=grpc://localhost:5050")
    file = tmp_path_factory.mktemp("pods") / "digits.yaml"
    return read_package(compile_package(load("configs/digits.yaml", words), file))
