"""Temperature scaling: as sure as it is right, and in what is served."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax

from components.tasks.classification import training as one_label
from components.tasks.multi_label import training as several_labels
from components.trainer.calibration import calibrate, fit
from components.trainer.input.function import input_function
from components.trainer.temperature import Calibration
from failures import Failure
from tests.components.trainer.conftest import LINEAR, SIDE

EXAMPLES, CLASSES = 400, 5


def drawn(temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from softmax(logits / temperature)."""
    chance = np.random.default_rng(7)
    logits = chance.normal(0, 4, (EXAMPLES, CLASSES)).astype(np.float32)
    noise = chance.gumbel(size=(EXAMPLES, CLASSES))
    return logits, (logits / temperature + noise).argmax(axis=1)


def smoothed_loss(logits, labels, weights, temperature) -> float:
    wanted = np.full(logits.shape, 1 / (len(labels) + 2) / logits.shape[1])
    wanted[np.arange(len(labels)), labels] += 1 - 1 / (len(labels) + 2)
    losses = -(wanted * log_softmax(logits.astype(float) / temperature, axis=1)).sum(axis=1)
    return np.average(losses, weights=weights)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_where_a_search_finds_the_lowest_loss(true, weighted):
    logits, labels = drawn(true)
    weights = np.random.default_rng(1).uniform(0, 2, EXAMPLES) if weighted else np.ones(EXAMPLES)
    found = fit(logits, labels, weights if weighted else None)
    searched = minimize_scalar(
        lambda t: smoothed_loss(logits, labels, weights, t), bounds=(0.01, 100), method="bounded"
    )
    assert found == pytest.approx(searched.x, rel=1e-3)
    assert found == pytest.approx(true, rel=0.25)
    assert fit(logits, labels, weights if weighted else None) == found


def test_labels_that_are_no_class_do_not_count():
    logits, labels = np.eye(3, dtype=np.float32), np.array([0, -1, 3])
    found = one_label.choices(logits, labels, np.array([2.0, 1.0, 1.0]))
    np.testing.assert_array_equal(found.logits, logits[:1])
    assert (found.right.tolist(), found.weights.tolist(), found.examples) == ([0], [2.0], 1)


@pytest.mark.parametrize("true", [0.5, 3.0])
def test_of_several_labels_one_temperature_makes_all_classes_as_sure_as_they_are_right(true):
    chance = np.random.default_rng(5)
    logits = chance.normal(-1, 4, (EXAMPLES, CLASSES)).astype(np.float32)
    labels = (chance.random(logits.shape) < expit(logits / true)).astype(np.uint8)
    weights = chance.uniform(0, 2, EXAMPLES)
    found = several_labels.choices(logits, labels, weights)
    assert found.examples == EXAMPLES
    smoothed = np.where(labels, 1, 0) * (1 - 1 / (labels.size + 2)) + 0.5 / (labels.size + 2)

    def loss(temperature: float) -> float:
        scaled = logits.astype(float) / temperature
        losses = np.logaddexp(0, scaled) - smoothed * scaled
        return np.average(losses.mean(axis=1), weights=weights)

    temperature = fit(found.logits, found.right, found.weights)
    searched = minimize_scalar(loss, bounds=(0.01, 100), method="bounded")
    assert temperature == pytest.approx(searched.x, rel=1e-3)
    assert temperature == pytest.approx(true, rel=0.25)


def test_without_a_mistake_among_few_examples_answers_do_not_become_certain():
    logits = np.eye(10, dtype=np.float32) * 5
    temperature = fit(logits, np.arange(10))
    confidence = np.exp(log_softmax(logits / temperature, axis=1)).max()
    assert confidence == pytest.approx(1 - 0.9 / 12, abs=1e-3)


def test_logits_that_say_nothing_or_the_opposite_stay_finite():
    assert fit(np.zeros((4, 3), np.float32), np.arange(4) % 3) == 1
    wrong = np.eye(4, dtype=np.float32)
    assert fit(wrong, (np.arange(4) + 1) % 4) == 100


@pytest.mark.slow
def test_what_is_served_are_the_calibrated_probabilities(digits, trained):
    found = Calibration.read(trained.model.uri)
    assert found.examples == 80
    assert found.loss_after < found.loss_before
    assert f"temperature {found.temperature:.3g}" in trained.model_run.get_string_custom_property(
        "summary"
    )
    best = trained.history["epochs"][trained.history["best_epoch"] - 1]
    assert found.loss_before == pytest.approx(best["validation_loss"], abs=1e-4)
    signatures = trained.load().signatures
    records = tf.constant(digits.records("validation"))
    labels = signatures["transform_features"](examples=records)["label"].numpy()
    answers = signatures["serve_examples"](examples=records)
    of_truth = answers["probabilities"].numpy()[np.arange(80), labels]
    assert -np.log(of_truth).mean() == pytest.approx(found.loss_after, abs=1e-4)
    assert np.mean(answers["class"] == labels) == pytest.approx(best["validation_accuracy"])
    file = Path(trained.model.uri, "expected_answers.json")
    expected = json.loads(file.read_text())
    assert expected["split"] == "test"
    tests = tf.constant(digits.records("test"))
    served = signatures["serve_examples"](examples=tests)["probabilities"].numpy()
    for answer in expected["answers"].values():
        assert np.abs(served - np.array(answer)).max(axis=1).min() < 1e-5


def test_a_batch_that_does_not_fit_into_memory_is_reported_in_one_line(digits):
    def model(images, training):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    files = sorted(map(str, (digits.folder / "transformed" / "Split-validation").iterdir()))
    validation = input_function(files, (SIDE, SIDE, 1), 16, training=False)
    with pytest.raises(Failure, match=r"a step on 16 images does not fit .* Lower .*batch_size"):
        calibrate(model, validation, one_label.choices)


@pytest.mark.parametrize("task", [one_label, several_labels])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf])
def test_a_model_that_answers_an_image_with_no_numbers_stays_as_it_is(digits, task, spoilt, caplog):
    def model(images, training):
        levels = tf.reduce_mean(tf.cast(images, tf.float32), (1, 2, 3))
        first = tf.range(tf.size(levels)) == 0
        return tf.stack([tf.where(first, spoilt, levels), -levels], axis=1)

    def choices(logits, labels, weights):
        right = labels % 2
        return task.choices(logits, np.eye(2)[right] if task is several_labels else right, weights)

    files = sorted(map(str, (digits.folder / "transformed" / "Split-validation").iterdir()))
    validation = input_function(files, (SIDE, SIDE, 1), 40, training=False)
    assert calibrate(model, validation, choices) == (model, None)
    assert "no temperature is fitted: 2 of " in caplog.text


def test_a_validation_in_which_nothing_counts_is_said_in_the_log(digits, caplog):
    def model(images, training):
        return tf.zeros((tf.shape(images)[0], 10))

    def none(logits, labels, weights):
        return one_label.choices(logits, labels, 0 * weights)

    files = sorted(map(str, (digits.folder / "transformed" / "Split-validation").iterdir()))
    validation = input_function(files, (SIDE, SIDE, 1), 40, training=False)
    assert calibrate(model, validation, none) == (model, None)
    assert "no temperature is fitted: no validation example counts" in caplog.text


@pytest.mark.slow
def test_it_can_be_switched_off(train_in):
    run = train_in("plain", model=LINEAR, epochs=1, calibration="none")
    assert Calibration.read(run.model.uri) is None
    assert "temperature" not in run.model_run.get_string_custom_property("summary")
