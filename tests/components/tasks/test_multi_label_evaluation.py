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


def save_labeller(folder, probabilities):
    """Saves a model that gives each image these probabilities; their keys are its vocabulary."""
    (folder / "vocabulary").mkdir(parents=True)
    (folder / "vocabulary" / "labels").write_text("".join(f"{name}\n" for name in probabilities))
    module, names = tf.Module(), tf.constant(list(probabilities))
    module.vocabulary = tf.saved_model.Asset(str(folder / "vocabulary" / "labels"))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(examples):
        said = tf.tile(tf.constant([list(probabilities.values())]), [tf.size(examples), 1])
        return {"probabilities": said, "predicted": tf.cast(said >= 0.5, tf.uint8)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(examples):
        labels = tf.io.parse_example(examples, {"label": tf.io.VarLenFeature(tf.string)})["label"]
        has = tf.reduce_any(tf.sparse.to_dense(labels)[..., tf.newaxis] == names, 1)
        one_byte_each = tf.gather(tf.constant([b"\0", b"\1"]), tf.cast(has, tf.int32))
        return {"labels": tf.strings.reduce_join(one_byte_each, 1)}

    given = {"serve_examples": serve_examples, "transform_features": transform_features}
    tf.saved_model.save(module, str(folder / "model"), signatures=given)
    return str(folder / "model")


@pytest.mark.slow
def test_a_champion_of_more_classes_changes_no_loss_and_no_calibration_of_a_model(tmp_path):
    own = save_labeller(tmp_path / "own", {"cat": 0.8, "dog": 0.3})
    wider = save_labeller(tmp_path / "wider", {"dog": 0.2, "elk": 0.1, "cat": 0.7, "owl": 0.4})
    with tf.io.TFRecordWriter(str(tmp_path / "shard")) as writer:
        for labels in ([], [b"cat"], [b"dog", b"cat"]):
            made = tf.train.Example()
            made.features.feature["image"].bytes_list.value.append(encoded_image(9))
            made.features.feature["label"].bytes_list.value.extend(labels)
            writer.write(made.SerializeToString())

    def counted(names, **places):
        models = tuple(ModelPlace(name, path, "") for name, path in places.items())
        plan = Plan(models, names, "test", Features(multi_label=True), True, 4, temperature=2.0)
        counts = CountShard(plan)(str(tmp_path / "shard"))
        measured = catalog.overall(counts.models["challenger"], "multi_label")
        return measured["loss"], measured["expected_calibration_error"], error(counts.uncalibrated)

    alone = counted(("cat", "dog"), challenger=own)
    beside = counted(("cat", "dog", "elk", "owl"), challenger=own, champion=wider)
    assert beside == pytest.approx(alone, abs=1e-6)
    expected = -np.log([0.2, 0.7, 0.8, 0.7, 0.8, 0.3]).mean()
    assert alone[0] == pytest.approx(expected, abs=1e-6)


def test_a_class_that_an_image_has_counts_though_the_model_does_not_know_it():
    truth, known = np.array([[True, False, True, False]]), np.array([True, True, False, False])
    probabilities = np.array([[0.8, 0.3, 0, 0]], np.float32)
    counts = Counts.zeros(4)
    answer = Labelled(probabilities >= 0.5, probabilities, truth, known)
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
