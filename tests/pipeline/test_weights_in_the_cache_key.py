"""A file of weights with other content under the same path is another training."""

import pytest

from components.trainer.checkpoints import fingerprint
from components.trainer.weights_place import version_of
from pipeline.create_pipeline import create_pipeline
from settings.reading import load

RATES = "{training.learning_rate: {min: 0.001, max: 0.01}}"


def flags_of(weights, tried=RATES):
    """{component: its executor's flags}, which TFX's cache key holds."""
    model = f"{{name: mobilenet, weights: {weights}}}"
    tuner = f"{{trials: 2, epochs: 1, search_space: {tried}}}"
    configuration = load("configs/digits.yaml", [f"model={model}", f"tuner={tuner}"])
    made = create_pipeline(configuration).components
    return {type(one).__name__: one.executor_spec.extra_flags for one in made}


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "some.weights.h5"
    file.write_bytes(b"one")
    return file


@pytest.mark.slow
def test_other_content_is_trained_anew_and_nothing_else_is_done_again(weights):
    one = flags_of(weights)
    assert flags_of(weights) == one
    weights.write_bytes(b"two")
    other = flags_of(weights)
    assert {name for name in one if one[name] != other[name]} == {"Trainer", "Tuner"}


@pytest.mark.slow
def test_other_content_of_weights_that_are_tried_is_searched_anew(weights):
    tried = f"{{model.weights: {{choices: [null, {weights}]}}}}"
    one = flags_of("null", tried)
    assert flags_of("null", tried) == one
    weights.write_bytes(b"two")
    other = flags_of("null", tried)
    assert {name for name in one if one[name] != other[name]} == {"Tuner"}


def test_a_checkpoint_of_other_weights_is_not_used(weights):
    before = fingerprint([], {}, version_of(str(weights)))
    assert fingerprint([], {}, version_of(str(weights))) == before
    weights.write_bytes(b"two")
    other = fingerprint([], {}, version_of(str(weights)))
    weights.unlink()
    assert len({before, other, fingerprint([], {}, version_of(str(weights)))}) == 3
