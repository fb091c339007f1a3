"""The digits that Trainer's tests are done on, and searches over them."""

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.trainer.hyperparameters import read_best
from components.tuner.component import Tuner_Executor
from settings.tuner import Tuner
from tests.components.trainer.conftest import LINEAR, artifact, digits, exec_properties, kit, train

__all__ = ["digits", "kit"]
NETWORK = {"model": LINEAR}  # Which one is searched with matters to no test.
RATES = {"training.learning_rate": {"choices": [1e-7, 0.01]}}


def tuner(search_space, **keys) -> Tuner:
    given = {"trials": 2, "epochs": 1, "algorithm": "random", "search_space": search_space}
    return Tuner.of(**given | keys)


def results(found) -> list[dict]:
    [artifact] = found["tuner_results"]
    return json.loads(Path(artifact.uri, "tuner_results.json").read_text())


def best(found) -> dict:
    return read_best(found["best_hyperparameters"][0].uri)


@pytest.fixture(scope="session")
def search_in(digits, tmp_path_factory):
    """A function that runs the executor on digits: outputs below a folder of their own."""

    def run(
        search_space=RATES,
        folder=None,
        inputs=None,
        checkpoint_dir=None,
        seed=3,
        training=None,
        do=None,
        **keys,
    ):
        folder = folder or tmp_path_factory.mktemp("search")
        found = {
            "best_hyperparameters": [
                artifact(standard_artifacts.HyperParameters, folder / "best_hyperparameters")
            ],
            "tuner_results": [artifact(standard_artifacts.TunerResults, folder / "tuner_results")],
        }
        properties = exec_properties(checkpoint_dir, seed=seed, **NETWORK | (training or {}))
        properties["tuner"] = tuner(search_space, **keys).model_dump_json()
        do = do or Tuner_Executor().Do
        do(inputs or digits.inputs, found, properties)
        return found

    return run


@pytest.fixture(scope="session")
def found(search_in):
    """One search with two trials, one of which cannot learn."""
    return search_in()


@pytest.fixture
def train_with(digits, tmp_path):
    """Trainer's run with a Tuner's output as its input."""

    def run(best, **properties):
        inputs = digits.inputs | {"hyperparameters": best}
        return train(inputs, tmp_path, **NETWORK | properties)

    return run
