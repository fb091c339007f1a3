"""Images with any number of classes: the loss, what is counted, and the thresholds."""

import json
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from components.evaluator.reliability import binned, yes_uncalibrated
from components.serving_check import faults
from components.serving_check.requests import CLASSIFY, TRANSFORM
from components.tasks.multi_label import answers, signature, transform
from components.tasks.multi_label.evaluation import Counts
from components.tasks.multi_label.served_model import Labelled
from components.tasks.multi_label.thresholds import best, choose
from components.tasks.multi_label.training import Loss, Tallies
from components.trainer.class_weights import weights_of
from components.trainer.expected_answers import write_answers
from components.trainer.mixing import Mixer
from failures import Failure
from metrics import catalog
from metrics.expected_calibration_error import error
from settings.training import Training
from tests.components.trainer.linear_classifier import CLASSES, IMAGES, plain_sgd, steps_of, train

CHANCE = np.random.default_rng(4)
LABELS = (CHANCE.random((6, CLASSES)) < 0.4).astype(np.uint8)
LABELS[0] = 1  # Every class occurs.
LOGITS = CHANCE.normal(0, 3, (6, CLASSES)).astype(np.float32)
EXAMPLE_WEIGHTS = np.array([1, 0, 2, 0.5, 1, 3], np.float32)
CLASS_WEIGHTS = [0.5, 2.0, 0.0, 1.5]


def by_hand(logits, labels, smoothing=0.0, gamma=0.0):
    """(batch, classes) the focal binary cross-entropy, as it is defined."""
    p, wanted = expit(logits.astype(float)), labels * (1 - smoothing) + smoothing / 2
    as_true = -wanted * (1 - p) ** gamma * np.log(p)
    return as_true - (1 - wanted) * p**gamma * np.log(1 - p)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_loss_is_that_of_its_definition(smoothing, gamma):
    focal = {"loss": "focal", "focal_gamma": gamma} if gamma else {}
    loss = Loss(Training(label_smoothing=smoothing, **focal), CLASS_WEIGHTS)
    found = loss.judge(tf.constant(LOGITS), tf.constant(LABELS), tf.constant(EXAMPLE_WEIGHTS))
    weights = EXAMPLE_WEIGHTS[:, None] * CLASS_WEIGHTS / CLASSES
    np.testing.assert_allclose(found.weights, weights, atol=1e-6)
    expected = weights * by_hand(LOGITS, LABELS, smoothing, gamma)
    np.testing.assert_allclose(found.losses, expected, atol=1e-5)


def test_balanced_weights_make_the_images_of_every_class_count_the_same():
    counts = LABELS.sum(axis=0)
    assert counts.min() < counts.max()
    weights = weights_of("balanced", list("abcd"), counts.tolist)
    loss = Loss(Training(class_weights="balanced"), weights)
    found = loss.judge(tf.constant(LOGITS), tf.constant(LABELS))
    of_class = np.where(LABELS, found.weights, 0).sum(axis=0)
    np.testing.assert_allclose(of_class, LABELS.sum() / CLASSES / CLASSES, rtol=1e-6)
    np.testing.assert_allclose(found.weights.numpy()[LABELS == 0], 1 / CLASSES)
    np.testing.assert_allclose(found.losses, found.weights * by_hand(LOGITS, LABELS), atol=1e-5)


def test_a_step_goes_the_way_of_the_mean_over_images_and_classes():
    steps = steps_of(plain_sgd(), task="multi_label")
    kernel, bias = (weight.numpy() for weight in steps.model.trainable_variables)
    pixels = IMAGES.reshape(6, -1) / 255
    off = (expit(pixels @ kernel + bias) - LABELS) / LABELS.size
    train(steps, batch=(IMAGES, LABELS))
    found = steps.model.trainable_variables[0].numpy()
    np.testing.assert_allclose(found, kernel - 1.9 * 0.1 * pixels.T @ off, atol=1e-6)


@pytest.mark.parametrize("recipe", [{"mixup": 0.4}, {"cutmix": 1.0}])
def test_mixed_images_have_the_labels_of_both_by_their_shares(recipe):
    training = plain_sgd(**recipe)
    mixer = Mixer(training, seed=5)
    draws = mixer.draws(tf.constant(6), tf.constant(0, tf.int64), tf.constant(0))
    _, ((own, share), (other, rest)) = mixer(tf.constant(IMAGES), tf.constant(LABELS), None, draws)
    np.testing.assert_allclose(share + rest, np.ones(6), atol=1e-6)
    np.testing.assert_array_equal(own, LABELS)
    np.testing.assert_array_equal(other, LABELS[[1, 0, 3, 2, 5, 4]])


def test_an_epoch_counts_exact_matches_and_what_each_class_brings():
    tallies = Tallies(CLASSES, by_class=True, metrics=["micro_f1"])
    loss = Loss(Training())
    for half in (slice(0, 2), slice(2, 6)):
        logits, labels = tf.constant(LOGITS[half]), tf.constant(LABELS[half])
        tallies.add(logits, [loss.judge(logits, labels)])
    totals, predicted = tallies.totals(), LOGITS > 0
    assert totals.accuracy == pytest.approx(accuracy_score(LABELS, predicted))
    assert totals.mean_loss == pytest.approx(by_hand(LOGITS, LABELS).mean(), abs=1e-5)
    assert (totals.left_out, totals.misfits, totals.broken_steps) == (0, 0, 0)
    assert [one.examples for one in tallies.class_sums()] == LABELS.sum(axis=0).tolist()
    expected = f1_score(LABELS, predicted, average="micro")
    assert tallies.measure("micro_f1") == pytest.approx(expected)


@pytest.mark.parametrize(("spread", "off"), [(0.01, 0.2), (1.0, 0.01), (40.0, 0.01)])
def test_the_mean_average_precision_of_an_epoch_is_that_of_rounded_probabilities(spread, off):
    chance = np.random.default_rng(3)
    truth = chance.random((300, CLASSES)) < 0.3
    logits = (spread * chance.normal(2 * truth - 1, 2)).astype(np.float32)
    tallies = Tallies(CLASSES, metrics=["mean_average_precision"])
    loss = Loss(Training())
    for half in (slice(0, 100), slice(100, 300)):
        labels = tf.constant(truth[half].astype(np.uint8))
        tallies.add(tf.constant(logits[half]), [loss.judge(tf.constant(logits[half]), labels)])
    rounded = np.floor(512 * (1 + logits / (8 + np.abs(logits))))
    found = tallies.measure("mean_average_precision")
    assert found == pytest.approx(average_precision_score(truth, rounded), abs=1e-6)
    assert found == pytest.approx(average_precision_score(truth, logits), abs=off)
    tallies.clear()
    assert tallies.measure("mean_average_precision") is None


def test_a_training_is_monitored_by_the_mean_average_precision_of_its_validation():
    monitored = plain_sgd(monitor="mean_average_precision")
    steps = steps_of(monitored, task="multi_label")
    logits = tf.constant(LOGITS)
    judged = steps.task.Loss(Training()).judge(logits, tf.constant(LABELS))
    steps.validation.add(logits, [judged])
    expected = average_precision_score(LABELS, LOGITS)
    assert steps.validation.measure(monitored.monitor) == pytest.approx(expected, abs=1e-6)


def test_the_evaluation_counts_the_same_in_one_batch_and_in_several():
    truth, scores = LABELS > 0, expit(LOGITS).astype(np.float32)
    answer = Labelled(scores >= 0.5, scores, np.ones(CLASSES, bool))
    unknown = np.array([0, 0, 1, 0, 0, 0])  # labels that no model knows: a mistake of their image
    whole, parts = Counts.zeros(CLASSES), Counts.zeros(CLASSES)
    losses = whole.add(truth, answer, unknown, EXAMPLE_WEIGHTS)
    for half in (slice(0, 2), slice(2, 6)):
        part = Counts.zeros(CLASSES)
        some = Labelled(*(values[half] for values in answer[:2]), answer.known)
        part.add(truth[half], some, unknown[half], EXAMPLE_WEIGHTS[half])
        parts += part
    right = (truth == answer.predicted).all(axis=1) & (unknown == 0)
    for counts in (whole, parts):
        overall = catalog.overall(counts, "multi_label")
        assert overall["accuracy"] == right.mean()
        expected = np.average(losses, weights=EXAMPLE_WEIGHTS)
        assert overall["loss"] == pytest.approx(expected, abs=1e-6)
        expected = average_precision_score(truth, scores)
        assert overall["mean_average_precision"] == pytest.approx(expected, abs=1e-6)
        expected = error(binned(scores.ravel(), truth.ravel()))
        assert overall["expected_calibration_error"] == pytest.approx(expected, abs=1e-9)
        assert (counts.unknown, counts.total) == (1, 6)
    np.testing.assert_allclose(losses, by_hand(LOGITS, LABELS).mean(axis=1), atol=1e-5)


def test_probabilities_are_known_as_they_were_before_the_calibration():
    sigmoids = expit(np.append(LOGITS.ravel().astype(float), [-np.inf, np.inf]))
    calibrated = expit(np.append(LOGITS.ravel() / 2.5, [-np.inf, np.inf]))
    np.testing.assert_allclose(yes_uncalibrated(calibrated, 2.5), sigmoids, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_has_a_higher_f1_than_the_one_that_is_chosen(seed):
    chance = np.random.default_rng(seed)
    truth = chance.random(40) < 0.3
    truth[0] = True
    scores = np.round(np.clip(chance.normal(0.3 + 0.3 * truth, 0.2), 0, 1), 1).astype(np.float32)
    found = best(scores, truth)
    reached = [f1_score(truth, scores >= threshold) for threshold in np.unique(scores)]
    assert f1_score(truth, scores >= found) == pytest.approx(max(reached))


def test_a_class_that_no_image_has_keeps_half_a_chance():
    assert best(np.array([0.1, 0.9], np.float32), np.array([False, False])) == 0.5


def test_an_answer_that_is_no_number_leaves_the_threshold_one():
    scores, truth = np.array([0.1, np.nan, 0.9, np.nan], np.float32), np.array([1, 1, 0, 0]) > 0
    assert best(scores, truth) == pytest.approx(0.05)
    assert best(scores, ~truth) == pytest.approx(0.5)
    assert best(scores[1:2], truth[1:2]) == 0.5


@pytest.fixture
def validation(tmp_path):
    """A file of the transformed Examples of ten images, each of another grey."""
    with tf.io.TFRecordWriter(str(tmp_path / "examples")) as writer:
        for number in range(10):
            made = tf.train.Example()
            made.features.feature["image"].bytes_list.value.append(bytes([20 * number] * 4))
            made.features.feature["labels"].bytes_list.value.append(bytes([number > 6, number < 3]))
            writer.write(made.SerializeToString())
    return str(tmp_path / "examples")


def test_thresholds_are_chosen_with_no_more_images_at_once_than_fit_into_memory(validation):
    seen = []

    def model(images, training):
        tf.py_function(lambda batch: seen.append(len(batch)), [images], [])
        grey = tf.reduce_mean(tf.cast(images, tf.float32), (1, 2, 3)) / 255 - 0.5
        return tf.stack([grey, -grey], 1)

    few, all_together = (choose(model, (2, 2, 1), 2, [validation], at_once) for at_once in (4, 10))
    assert seen == [4, 4, 2, 10]
    assert few.tolist() == all_together.tolist()
    assert 120 / 255 < 0.5 + np.log(few[0] / (1 - few[0])) < 140 / 255


def test_the_model_is_compiled_once_to_choose_its_thresholds(validation):
    traced = []

    def model(images, training):
        traced.append(images.shape)
        return tf.zeros((tf.shape(images)[0], 2))

    choose(model, (2, 2, 1), 2, [validation], 4)
    assert [shape.as_list() for shape in traced] == [[None, 2, 2, 1]]


def test_thresholds_are_chosen_within_five_bytes_an_example_and_class(tmp_path):
    images, classes = 2000, 500
    made = tf.train.Example()
    made.features.feature["image"].bytes_list.value.append(bytes(4))
    made.features.feature["labels"].bytes_list.value.append(bytes(classes))
    with tf.io.TFRecordWriter(str(tmp_path / "examples")) as writer:
        for _ in range(images):
            writer.write(made.SerializeToString())

    def model(seen, training):
        return tf.zeros((tf.shape(seen)[0], classes))

    tracemalloc.start()
    choose(model, (2, 2, 1), classes, [str(tmp_path / "examples")], 256)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * 5 * images * classes


def test_thresholds_that_memory_is_too_small_to_choose_are_reported_in_one_line(validation):
    def model(images, training):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    with pytest.raises(Failure, match=r"a step on 4 images does not fit .* Lower .*batch_size"):
        choose(model, (2, 2, 1), 2, [validation], 4)


def test_labels_above_their_thresholds_are_answered_with_the_most_probable_first():
    probabilities = np.array([[0.6, 0.1, 0.9], [0.4, 0.2, 0.3]], np.float32)
    thresholds = np.array([0.5, 0.05, 0.95], np.float32)
    found = signature.answer(tf.constant(probabilities), tf.constant(["a", "b", "c"]), thresholds)
    assert found["labels"].numpy().tolist() == [[b"a", b"b", b""], [b"b", b"", b""]]
    assert found["predicted"].numpy().tolist() == [[1, 1, 0], [0, 1, 0]]
    read = answers.read({name: value.numpy() for name, value in found.items()})
    assert [one.labels for one in read] == [("a", "b"), ("b",)]
    said = answers.facts(read[0], ["a", "b", "c"], top=1)
    assert said["labels"] == ["a", "b"]
    assert answers.text(said) == "a, b  (c 0.9000)"
    assert answers.columns(read[1]) == {"labels": '["b"]'}


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        ({}, None),
        ({"predicted": [[1, 1, 1]]}, "other classes than those whose probability reaches"),
        ({"labels": [[b"a", b"c", b""]]}, "gives the labels"),
        ({"probabilities": [[0.6, 0.11, 0.9]]}, "gives other probabilities than the training"),
    ],
)
def test_the_serving_check_finds_labels_that_contradict_the_probabilities(tmp_path, spoil, fault):
    labels, probabilities = ["a", "b", "c"], np.array([[0.6, 0.1, 0.9]], np.float32)
    thresholds = np.array([0.5, 0.05, 0.95], np.float32)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "labels").write_text("a\nb\nc\n")
    file = tmp_path / "expected_answers.json"
    write_answers(str(file), labels, [b"pixels"], probabilities, "multi_label", thresholds)
    answer = {
        "labels": np.array([[b"a", b"b", b""]], object),
        "predicted": np.array([[1, 1, 0]], np.uint8),
        "probabilities": probabilities,
    }
    answer |= {name: np.array(value, answer[name].dtype) for name, value in spoil.items()}
    said = {
        "answers": {name: {"all": answer} for name in CLASSIFY}
        | {TRANSFORM: {"all": {"image": np.array([b"pixels"], object)}}},
        "corrupt": dict.fromkeys(CLASSIFY, True),
    }
    found = faults.find(str(tmp_path), {"protocols": {"": said}}, json.loads(file.read_text()))
    assert (fault in found[0]) if fault else found == []


def test_examples_without_a_label_and_with_an_unknown_one_have_no_class_of_it():
    rows, ids = tf.constant([0, 0, 2, 2], tf.int64), tf.constant([1, 1, -1, 2], tf.int64)
    found = tf.io.decode_raw(transform.multi_hot(rows, ids, tf.constant(3, tf.int64), 3), tf.uint8)
    assert found.numpy().tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert transform.counts(found.numpy(), 3) == {1: 1, 2: 1}
