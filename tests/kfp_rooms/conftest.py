"""The toy pipeline's modules are importable here and in the steps' processes."""

import sys
from pathlib import Path

import pytest

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
