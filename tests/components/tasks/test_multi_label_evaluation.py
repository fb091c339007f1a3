"""What is counted of the answers to images with any number of classes."""

import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from components.evaluator.count_shard import CountShard
from components.evaluator.plan import ModelPlace, Plan
from components.tasks.multi_label.evaluation import Counts
from components.tasks.multi_label.served_model import Labelled
from metrics import average_precision, catalog
from metrics.expected_calibration_error import error
from settings.data import Features
from tests.components.evaluator.brightness_model import encoded_image


def save_labeller(folder, probabilities, raw=None):
    """Saves a model that gives each image these probabilities; their keys are its vocabulary.

    Args:
      raw: what the dataset calls the classes, if not the same; whole numbers from 0 on.
    """
    raw, nothing = (list(probabilities), "") if raw is None else (raw, -1)
    (folder / "vocabulary").mkdir(parents=True)
    (folder / "vocabulary" / "labels").write_text("".join(f"{name}\n" for name in probabilities))
    module, raw = tf.Module(), tf.constant(raw, tf.string if nothing == "" else tf.int64)
    module.vocabulary = tf.saved_model.Asset(str(folder / "vocabulary" / "labels"))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(examples):
        said = tf.tile(tf.constant([list(probabilities.values())]), [tf.size(examples), 1])
        return {"probabilities": said, "predicted": tf.cast(said >= 0.5, tf.uint8)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(examples):
        labels = tf.io.parse_example(examples, {"label": tf.io.VarLenFeature(raw.dtype)})["label"]
        has = tf.reduce_any(tf.sparse.to_dense(labels, nothing)[..., tf.newaxis] == raw, 1)
        one_byte_each = tf.gather(tf.constant([b"\0", b"\1"]), tf.cast(has, tf.int32))
        return {"labels": tf.strings.reduce_join(one_byte_each, 1)}

    given = {"serve_examples": serve_examples, "transform_features": transform_features}
    tf.saved_model.save(module, str(folder / "model"), signatures=given)
    return str(folder / "model")


def write_shard(path, *labels_of_each):
    """Writes raw Examples of grey images with these labels, whole numbers or bytes."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for labels in labels_of_each:
            made = tf.train.Example()
            made.features.feature["image"].bytes_list.value.append(encoded_image(9))
            feature = made.features.feature["label"]
            are_numbers = labels and isinstance(labels[0], int)
            (feature.int64_list if are_numbers else feature.bytes_list).value.extend(labels)
            writer.write(made.SerializeToString())


def counted(shard, names, label_is_bytes=True, **places):
    """The SplitCounts of a shard, by models in these places."""
    models = tuple(ModelPlace(name, path, "") for name, path in places.items())
    features = Features(multi_label=True)
    plan = Plan(models, names, "test", features, label_is_bytes, batch_size=4, temperature=2.0)
    return CountShard(plan)(str(shard))


@pytest.mark.slow
def test_a_champion_of_more_classes_changes_no_loss_and_no_calibration_of_a_model(tmp_path):
    own = save_labeller(tmp_path / "own", {"cat": 0.8, "dog": 0.3})
    wider = save_labeller(tmp_path / "wider", {"dog": 0.2, "elk": 0.1, "cat": 0.7, "owl": 0.4})
    write_shard(tmp_path / "shard", [], [b"cat"], [b"dog", b"cat"])

    def measured(names, **places):
        found = counted(tmp_path / "shard", names, **places)
        overall = catalog.overall(found.models["challenger"], "multi_label")
        return overall["loss"], overall["expected_calibration_error"], error(found.uncalibrated)

    alone = measured(("cat", "dog"), challenger=own)
    beside = measured(("cat", "dog", "elk", "owl"), challenger=own, champion=wider)
    assert beside == pytest.approx(alone, abs=1e-6)
    expected = -np.log([0.2, 0.7, 0.8, 0.7, 0.8, 0.3]).mean()
    assert alone[0] == pytest.approx(expected, abs=1e-6)


def test_sums_are_the_same_in_batches_of_any_size():
    chance = np.random.default_rng(0)
    probabilities, weights = chance.random((300, 5), np.float32), chance.random(300)
    truth, known, nothing = chance.random((300, 5)) < 0.3, np.ones(5, bool), np.zeros(300, int)

    def summed(size):
        counts = Counts.zeros(5)
        for start in range(0, 300, size):
            some = slice(start, start + size)
            answer = Labelled(probabilities[some] >= 0.5, probabilities[some], known)
            counts.add(truth[some], answer, nothing[some], weights[some])
        return counts.as_lists()

    assert summed(7) == summed(128) == summed(300)


# Of the champion and the challenger: each class, and the probability that it gives every image.
CHANGED_CLASSES = {
    "names at last": ({"0": 0.9, "1": 0.1}, {"car": 0.9, "bicycle": 0.1}),
    "one left out": ({"ant": 0.9, "bee": 0.1, "cat": 0.1}, {"ant": 0.9, "cat": 0.1}),
    "one more": ({"ant": 0.9, "cat": 0.1}, {"ant": 0.9, "bee": 0.1, "cat": 0.1}),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGED_CLASSES)
def test_a_number_is_the_class_of_the_challenger_though_the_champion_takes_it_for_another(
    tmp_path, change
):
    before, now = CHANGED_CLASSES[change]
    champion = save_labeller(tmp_path / "champion", before, range(len(before)))
    challenger = save_labeller(tmp_path / "challenger", now, range(len(now)))
    write_shard(tmp_path / "shard", [0], [0, 1], [0, 0])
    names = tuple(dict.fromkeys([*now, *before]))

    def measured(names, **places):
        counts = counted(tmp_path / "shard", names, label_is_bytes=False, **places)
        found = counts.models["challenger"]
        return catalog.overall(found, "multi_label"), found.actual[: len(now)].tolist(), counts

    alone, actual, _ = measured(tuple(now), challenger=challenger)
    beside, same, counts = measured(names, challenger=challenger, champion=champion)
    assert alone["accuracy"] == 2 / 3
    assert actual == same == [3, 1, *[0] * (len(now) - 2)]
    for name in ("accuracy", "loss", "micro_f1", "mean_average_precision"):
        assert beside[name] == pytest.approx(alone[name], abs=1e-6)
    assert [counts.models[name].unknown for name in ("challenger", "champion")] == [0, 0]


@pytest.mark.slow
def test_a_label_that_the_challenger_does_not_know_is_the_class_of_the_champion(tmp_path):
    champion = save_labeller(tmp_path / "champion", {"ant": 0.9, "bee": 0.1, "cat": 0.8}, range(3))
    challenger = save_labeller(tmp_path / "challenger", {"ant": 0.9, "bee": 0.1}, range(2))
    write_shard(tmp_path / "shard", [0], [0, 2], [0, 7, 7, 8])
    places = {"challenger": challenger, "champion": champion}
    counts = counted(tmp_path / "shard", ("ant", "bee", "cat"), label_is_bytes=False, **places)
    for found in counts.models.values():
        assert (found.actual.tolist(), found.unknown) == ([3, 0, 1], 2)
        assert (found.correct, found.total) == (1, 3)


def test_a_class_that_an_image_has_counts_though_the_model_does_not_know_it():
    truth, known = np.array([[True, False, True, False]]), np.array([True, True, False, False])
    probabilities = np.array([[0.8, 0.3, 0, 0]], np.float32)
    counts = Counts.zeros(4)
    answer = Labelled(probabilities >= 0.5, probabilities, known)
    [loss] = counts.add(truth, answer, np.array([0]), np.ones(1))
    assert loss == pytest.approx(-np.log([0.8, 0.7, 1e-7]).mean(), abs=1e-6)
    assert counts.reliability[:, 0].sum() == 3


def test_the_average_precision_takes_no_second_copy_of_the_answers():
    chance = np.random.default_rng(5)
    parts = [(chance.random((20_000, 40), np.float32), chance.random((20_000, 40)) < 0.1)] * 4
    counts = Counts.zeros(40)
    counts.answers += parts
    held = 4 * sum(part.nbytes for part in parts[0])
    tracemalloc.start()
    average_precision.measure(counts)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.5 * held
