"""Augmentation changes the training and nothing else, and survives a kill."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.augmentation import Augmenter
from components.trainer.checkpoints import Checkpoints
from settings.augmentation import Augmentation
from tests.components.trainer.conftest import train
from tests.components.trainer.test_resume import Kept

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


def test_a_killed_training_goes_on_with_the_same_augmentation(train_digits, tmp_path):
    keys = {"augmenter": Augmenter(Augmentation.of(**OF_DIGITS), seed=3), "epochs": 2}
    whole = train_digits(Kept(tmp_path), tmp_path / "whole", **keys)
    resumed = train_digits(Checkpoints(str(tmp_path / "22"), None, 1e9), tmp_path / "log", **keys)
    assert resumed.resumed_at_step == 22
    losses = [[epoch.loss for epoch in trained.history] for trained in (resumed, whole)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for left, right in zip(resumed.model.variables, whole.model.variables, strict=True):
        np.testing.assert_allclose(left.numpy(), right.numpy(), atol=1e-5)
