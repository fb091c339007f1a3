"""Skewed data: focal loss, the weights of classes, and what each class brought to a training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from components.trainer.class_weights import balanced, weights_of
from components.trainer.history import History
from components.trainer.losses import Loss
from failures import Failure
from settings.training import Training
from tests.components.trainer import linear_classifier
from tests.components.trainer.conftest import LINEAR, read_records, write_shards
from tests.components.trainer.linear_classifier import (
    BATCH,
    CLASS_WEIGHTS,
    CLASSES,
    LABELS,
    after_one_step,
    gradients,
    losses,
    plain_sgd,
    steps_of,
    train,
)

NAMES = ["cat", "dog", "owl"]


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_focal_loss_is_that_of_its_definition(gamma, smoothing):
    logits = np.random.default_rng(2).normal(0, 3, (BATCH, CLASSES)).astype(np.float32)
    loss = Loss(Training(loss="focal", focal_gamma=gamma, label_smoothing=smoothing))
    found = loss.judge(tf.constant(logits), tf.constant(LABELS)).losses.numpy()
    np.testing.assert_allclose(found, losses(logits, LABELS, smoothing, gamma), atol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_gradient_of_a_focal_loss_stays_finite_for_a_model_that_is_sure(gamma):
    logits = tf.Variable([[200.0, 0.0, -200.0, 0.0]] * 3)
    loss = Loss(Training(loss="focal", focal_gamma=gamma))
    with tf.GradientTape() as tape:
        judged = loss.judge(logits, tf.constant([0, 1, 2]))
    assert np.isfinite(judged.losses.numpy()).all()
    assert np.isfinite(tape.gradient(judged.losses, logits).numpy()).all()


@pytest.mark.slow
def test_a_step_follows_the_gradient_of_the_focal_loss():
    steps = steps_of(plain_sgd(loss="focal", focal_gamma=2.0))
    before = linear_classifier.weights_of(steps)
    train(steps)
    kernel, bias = before
    pixels = linear_classifier.IMAGES.reshape(BATCH, -1) / 255

    def total(bias):
        return losses(pixels @ kernel + bias, LABELS, gamma=2.0).sum() / BATCH

    tiny = 1e-5 * np.eye(CLASSES)
    slope = [(total(bias + step) - total(bias - step)) / 2e-5 for step in tiny]
    [expected] = after_one_step([bias], [np.array(slope)])
    np.testing.assert_allclose(linear_classifier.weights_of(steps)[1], expected, atol=1e-5)


@pytest.mark.slow
def test_a_step_follows_the_gradient_of_the_weighted_classes():
    steps = steps_of(plain_sgd(), class_weights=CLASS_WEIGHTS)
    before = linear_classifier.weights_of(steps)
    train(steps)
    weights = np.array(CLASS_WEIGHTS)[LABELS]
    expected = after_one_step(before, gradients(*before, weights=weights))
    for mine, right in zip(linear_classifier.weights_of(steps), expected, strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-5)


@pytest.mark.slow
def test_each_class_is_counted_with_its_weight_and_its_loss():
    steps = steps_of(plain_sgd(), class_weights=CLASS_WEIGHTS)
    kernel, bias = linear_classifier.weights_of(steps)
    train(steps)
    logits = linear_classifier.IMAGES.reshape(BATCH, -1) / 255 @ kernel + bias
    weighted = losses(logits, LABELS) * np.array(CLASS_WEIGHTS)[LABELS]
    sums = np.array(steps.training.class_sums())
    np.testing.assert_array_equal(sums[:, 0], [1, 2, 1, 1])
    np.testing.assert_allclose(sums[:, 1], CLASS_WEIGHTS * sums[:, 0])
    expected = [weighted[number == LABELS].sum() for number in range(CLASSES)]
    np.testing.assert_allclose(sums[:, 2], expected, atol=1e-5)
    totals = steps.training.totals()
    assert totals.mean_loss == pytest.approx(weighted.sum() / sums[:, 1].sum(), abs=1e-5)
    assert totals.counted == 5


def test_balanced_weights_are_those_of_scikit_learn():
    labels = np.repeat([0, 1, 3], [50, 1, 9])
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    found = balanced(np.bincount(labels, minlength=5).tolist())
    np.testing.assert_allclose(found, [expected[0], expected[1], 0, expected[2], 0])


def test_a_class_that_is_not_named_weighs_1():
    assert weights_of({"dog": 0.5}, NAMES, None) == [1.0, 0.5, 1.0]
    assert weights_of(None, NAMES, None) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cow": 2.0}, "given 'cow', which is not a class; allowed: cat, dog, owl"),
        (dict.fromkeys(NAMES, 0.0), "every class has the weight 0"),
    ],
)
def test_weights_that_fit_no_class_are_refused(given, message):
    with pytest.raises(Failure, match=message):
        weights_of(given, NAMES, None)


@pytest.fixture(scope="module")
def skewed(digits, tmp_path_factory):
    """The inputs of Trainer, with all zeros and 4 ones of the digits to train on."""
    folder = tmp_path_factory.mktemp("skewed") / "transformed"
    shutil.copytree(digits.folder / "transformed", folder)
    train_folder = folder / "Split-train"
    records = [record for record in read_records(train_folder) if label_of(record) < 2]
    ones = [record for record in records if label_of(record) == 1]
    shutil.rmtree(train_folder)
    write_shards(train_folder, [record for record in records if record not in ones[4:]])
    inputs = digits.inputs
    inputs["transformed_examples"][0].uri = str(folder)
    return inputs


def label_of(record: bytes) -> int:
    return tf.train.Example.FromString(record).features.feature["label"].int64_list.value[0]


@pytest.mark.slow
def test_the_history_says_what_each_class_contributed_to_a_balanced_training(skewed, train_in):
    keys = {"model": LINEAR, "batch_size": 4, "sampling": "balanced"}
    run = train_in("balanced", inputs=skewed, epochs=2, **keys)
    zero, one, two, *_ = History.read(Path(run.model_run.uri)).classes
    assert (zero.name, one.name, two.examples) == ("zero", "one", 0)
    assert abs(zero.examples - one.examples) <= 1
    assert zero.weight == zero.examples
    assert zero.loss > 0


@pytest.mark.slow
def test_balanced_class_weights_are_of_the_whole_training_split(digits, train_in):
    run = train_in("weighted", model=LINEAR, epochs=1, class_weights="balanced")
    counts = np.bincount([label for _, label in digits.transformed("train")])
    weights = len(digits.transformed("train")) / (10 * counts)
    parts = History.read(Path(run.model_run.uri)).classes
    found = [part.weight / part.examples for part in parts]
    np.testing.assert_allclose(found, weights, rtol=1e-5)
    counted = json.loads((digits.folder / "transform_graph" / "label_statistics.json").read_text())
    assert list(counted["examples"].values()) == counts.tolist()


@pytest.mark.slow
def test_the_best_epoch_is_the_best_by_the_metric_that_is_monitored(train_in):
    run = train_in("monitored", epochs=3, monitor="worst_class_recall", ema_decay=0.9, mixup=0.2)
    history = History.read(Path(run.model_run.uri))
    values = [epoch.monitored for epoch in history.epochs]
    assert history.monitor == "worst_class_recall"
    assert history.best_epoch == int(np.argmax(values)) + 1
    assert 0 < max(values) <= 1
    assert "mean IoU" not in run.model.get_string_custom_property("summary")


@pytest.mark.slow
def test_a_metric_without_a_validation_split_is_refused(digits, train_in):
    inputs = digits.inputs
    inputs["transformed_examples"][0].split_names = '["train"]'
    with pytest.raises(Failure, match="monitor: accuracy needs a validation split, and there is"):
        train_in("alone", inputs=inputs, monitor="accuracy")


@pytest.mark.slow
def test_a_weight_for_what_is_no_class_is_one_line(train_in):
    with pytest.raises(
        Failure, match="class_weights: given 'eleven', which is not a class; allowed: zero"
    ):
        train_in("unknown", class_weights={"eleven": 2})
