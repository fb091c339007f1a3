"""Large images are answered a few at once, whatever their number; small ones as many as asked."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from components import images_at_once
from components.batch_predictor.pushed_model import PushedModel
from components.evaluator.count_shard import CountShard
from components.evaluator.plan import ModelPlace, Plan
from components.images_at_once import calls_at_once, fitting
from components.tasks.classification.evaluation import Counting
from settings.data import Features
from tests.components.serving_check.small_models import (
    LABELS,
    SIDE,
    encoded,
    example,
    probabilities_of,
    save_model,
)

PICTURES = np.random.default_rng(3).integers(0, 256, (5, SIDE, SIDE), np.uint8)


@pytest.fixture(scope="module", params=["classification", "multi_label"])
def task(request):
    return request.param


@pytest.fixture(scope="module")
def large(task, tmp_path_factory):
    """A SavedModel that answers one image, and says that it sees 4096 x 4096 pixels of it."""
    folder = tmp_path_factory.mktemp("large") / "model"
    save_model(folder, task, nan_above=1, sees=4096)
    return str(folder)


def test_the_evaluator_asks_a_model_of_large_images_for_one_at_once(task, large, tmp_path):
    shard = tmp_path / "shard"
    with tf.io.TFRecordWriter(str(shard)) as writer:
        for picture in PICTURES:
            writer.write(example(encoded(picture)))
    features = Features(multi_label=task == "multi_label")
    places = (ModelPlace("challenger", large, ""),)
    plan = Plan(places, tuple(LABELS), "test", features, label_is_bytes=True, batch_size=128)
    counts = CountShard(plan)(str(shard))
    assert counts.examples == 5
    assert np.isfinite(counts.models["challenger"].loss).all()


def test_the_evaluator_asks_as_often_at_once_as_there_are_cores(tmp_path, monkeypatch):
    save_model(tmp_path / "model", "classification")
    with tf.io.TFRecordWriter(str(tmp_path / "shard")) as writer:
        for picture in PICTURES[:4]:
            writer.write(example(encoded(picture)))
    monkeypatch.setattr(images_at_once, "usable_cores", lambda: 4)
    together = threading.Barrier(4, timeout=10)

    class Waiting(Counting):
        def predict(self, serialized):
            together.wait()
            return super().predict(serialized)

    monkeypatch.setattr("components.tasks.classification.evaluation.Counting", Waiting)
    places = (ModelPlace("challenger", str(tmp_path / "model"), ""),)
    plan = Plan(places, tuple(LABELS), "test", Features(), label_is_bytes=True, batch_size=2)
    assert CountShard(plan)(str(tmp_path / "shard")).examples == 4


@pytest.mark.parametrize(
    ("cores", "number", "images"), [(1, 2, 128), (2, 2, 128), (3, 3, 85), (8, 8, 32), (64, 16, 16)]
)
def test_any_number_of_cores_has_no_more_images_in_memory(cores, number, images, monkeypatch):
    monkeypatch.setattr(images_at_once, "usable_cores", lambda: cores)
    calls = calls_at_once(128)
    assert (calls.number, calls.images) == (number, images)
    assert calls.number * calls.image_bytes <= 32 << 20
    assert calls_at_once(1)[:2] == (2, 1)  # Images that are large.


def test_a_pushed_model_of_large_images_is_asked_for_one_at_once(task, large):
    answers = PushedModel(large).answer_images([encoded(picture) for picture in PICTURES])
    expected = probabilities_of(PICTURES, task).numpy()
    np.testing.assert_allclose([one.probabilities for one in answers], expected, atol=1e-6)


def test_the_number_follows_the_size_of_the_images_and_their_answers():
    sizes = {side: fitting("classification", (side, side, 3), (10,)) for side in (64, 512, 4096)}
    assert sizes == {64: 2048, 512: 32, 4096: 1}
    assert fitting("classification", (8, 8, 3), (21_000,)) > 512
    assert [fitting("segmentation", (256, 256), (256, 256, n)) for n in (2, 64)] == [8, 4]
