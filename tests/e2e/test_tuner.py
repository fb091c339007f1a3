"""digits with a search before the training."""

import json

import pytest

from tests.e2e.test_digits import results

SEARCH = (
    "tuner.trials=2",
    "tuner.epochs=1",
    "tuner.algorithm=random",
    "tuner.search_space={training.learning_rate: {choices: [0.0000001, 0.004]}}",
    "training.learning_rate=0.0000001",
    "training.epochs=3",
    "model.parameters={filters: [16]}",
    "evaluation.thresholds.accuracy.min=0.5",
    "serving.check=false",
)


@pytest.mark.slow
def test_digits_are_trained_with_what_the_tuner_found_and_pushed(after_digits, tmp_path):
    run = after_digits(*SEARCH)
    assert run.code == 0, run.said
    assert results(run.out)["Tuner"] == "ran"
    assert "learning_rate 0.004" in run.out
    assert (tmp_path / "pushed" / "1" / "saved_model.pb").exists()
    [recorded] = (tmp_path / "root" / "Trainer" / "model_run").glob("*/hyperparameters.json")
    assert json.loads(recorded.read_text()) == {"training.learning_rate": 0.004}

    again = after_digits(*SEARCH)
    assert set(results(again.out).values()) == {"cached"}
