"""Augmentation changes the training and nothing else, and survives a kill."""

import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.components.trainer.conftest import train

pytestmark = pytest.mark.slow

OF_DIGITS = {"crop": 0.3, "rotate": 20.0, "brightness": 0.3, "cutout": 0.2}


@pytest.fixture(scope="module")
def augmented(digits, tmp_path_factory):
    """A training with augmentation."""
    return train(digits.inputs, tmp_path_factory.mktemp("augmented"), augmentation=OF_DIGITS)


def test_a_training_is_augmented_and_its_validation_and_its_saved_model_are_not(
    digits, trained, augmented
):
    first, plain = (run.history["epochs"][0] for run in (augmented, trained))
    assert first["loss"] > 1.02 * plain["loss"]
    # Without a random operation in it, and with the validation's very accuracy.
    assert b"Random" not in Path(augmented.serving_folder, "saved_model.pb").read_bytes()
    records = tf.constant(digits.records("validation"))
    signatures = augmented.load().signatures
    truth = signatures["transform_features"](examples=records)["label"]
    answers = [signatures["serve_examples"](examples=records) for _ in range(2)]
    np.testing.assert_array_equal(answers[0]["probabilities"], answers[1]["probabilities"])
    best = augmented.history["epochs"][augmented.history["best_epoch"] - 1]
    assert np.mean(answers[0]["class"] == truth) == pytest.approx(best["validation_accuracy"])


def test_a_killed_training_goes_on_with_the_same_augmentation(augmented, train_in, tmp_path):
    class Killed(BaseException):
        pass

    def kill(record):
        if record.completed > 0.6:
            raise Killed
        return True

    checkpointed = {"checkpoint_dir": tmp_path / "checkpoints", "checkpoint_every_steps": 1}
    progress = logging.getLogger("steadyfeed.progress")
    progress.setLevel(logging.INFO)
    progress.addFilter(kill)
    try:
        with pytest.raises(Killed):
            train_in("killed", augmentation=OF_DIGITS, **checkpointed)
    finally:
        progress.removeFilter(kill)
    resumed = train_in("killed", augmentation=OF_DIGITS, **checkpointed)
    assert resumed.history["resumed_at_step"] > 0
    assert np.allclose(resumed.metrics, augmented.metrics, rtol=1e-4)
