"""Models broken on purpose are stopped with the cause in the message; a good one passes."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tfx.types import artifact_utils, standard_artifacts

from components.pusher.executor import Executor as Pusher
from components.serving_check.executor import Executor
from components.trainer.expected_answers import write_answers

SIDE = 4
LABELS = ["cat", "dog", "owl"]
CONFIG = {
    "split": "test",
    "image_feature": "image",
    "max_latency_ms": None,
    "max_slowdown": 5.0,
    "max_memory_mb": None,
    "large_batch": 64,
}


def encoded(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def example(image):
    made = tf.train.Example()
    made.features.feature["image"].bytes_list.value.append(image)
    made.features.feature["label"].bytes_list.value.append(b"dog")
    return made.SerializeToString()


def probabilities_of(images):
    """(batch, 3) float32 of (batch, SIDE, SIDE) uint8; the model's only knowledge."""
    level = tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])[:, tf.newaxis] / 255
    return tf.nn.softmax(tf.concat([level * 3, 1 - level, level * level], axis=1))


def save_model(folder, labels=LABELS, names=None, darker=0, one_crashes=False, slow=0, nan=False):
    """Saves a model with the project's signatures; each argument but the first is a fault."""
    vocabulary = folder.parent / f"{folder.name}-vocabulary"
    vocabulary.mkdir(parents=True)
    (vocabulary / "labels").write_text("\n".join(names or labels) + "\n")
    module = tf.Module()
    module.vocabulary = tf.saved_model.Asset(str(vocabulary / "labels"))
    initial = tf.lookup.TextFileInitializer(
        module.vocabulary.asset_path, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    module.table = tf.lookup.StaticHashTable(initial, -1)

    def pixels(texts):
        def decode(text):
            return tf.reshape(tf.io.decode_png(text, channels=1), [SIDE, SIDE])

        return tf.map_fn(decode, texts, fn_output_signature=tf.uint8) // (1 + darker)

    def classify(texts):
        images = pixels(texts)
        if one_crashes:
            with tf.control_dependencies([tf.debugging.assert_greater(tf.shape(images)[0], 1)]):
                images = tf.identity(images)
        probabilities = probabilities_of(images)
        if slow:
            square = tf.fill([700, 700], tf.reduce_mean(probabilities))
            for _ in range(slow):
                square = tf.linalg.matmul(square, square) / 1e3
            probabilities += 1e-9 * tf.clip_by_value(tf.reduce_sum(square), 0.0, 1.0)
        if nan:
            probabilities *= float("nan")
        best = tf.argmax(probabilities, axis=1)
        return {
            "class": best,
            "label": tf.gather(tf.constant(labels), best),
            "probabilities": probabilities,
        }

    def parsed(texts):
        spec = {name: tf.io.FixedLenFeature([], tf.string) for name in ("image", "label")}
        return tf.io.parse_example(texts, spec)

    spec = [tf.TensorSpec([None], tf.string, name="x")]
    functions = {
        "serving_default": lambda x: classify(x),
        "serve_examples": lambda x: classify(parsed(x)["image"]),
        "transform_features": lambda x: {
            "image": tf.map_fn(
                lambda one: tf.strings.reduce_join(tf.gather(BYTES, tf.cast(one, tf.int32))),
                pixels(parsed(x)["image"]),
                fn_output_signature=tf.string,
            ),
            "label": module.table.lookup(parsed(x)["label"]),
        },
    }
    signatures = {
        name: tf.function(f, input_signature=spec).get_concrete_function()
        for name, f in functions.items()
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


BYTES = tf.constant([bytes([value]) for value in range(256)])


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(5).integers(0, 256, (6, SIDE, SIDE), np.uint8)


class Room:
    """A folder with Examples, and the check of one model after the other in it."""

    def __init__(self, folder, pictures):
        self.folder, self.pictures = folder, pictures
        split = folder / "examples" / "Split-test"
        split.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(split / "data-00000-of-00001")) as writer:
            for picture in pictures:
                writer.write(example(encoded(picture)))

    def artifact(self, kind, name):
        made = kind()
        made.uri = str(self.folder / name)
        (self.folder / name).mkdir(exist_ok=True, parents=True)
        return made

    def model(self, name="model", **faults):
        made = self.artifact(standard_artifacts.Model, name)
        save_model(self.folder / name / "Format-Serving", **faults)
        answers = probabilities_of(self.pictures).numpy()
        file = self.folder / name / "expected_answers.json"
        write_answers(str(file), LABELS, [p.tobytes() for p in self.pictures], answers)
        return made

    def check(self, model, champion=None, **config):
        """(summary of the check, summary of the push, whether it was pushed)."""
        examples = self.artifact(standard_artifacts.Examples, "examples")
        examples.split_names = artifact_utils.encode_split_names(["test"])
        infra = self.artifact(standard_artifacts.InfraBlessing, "infra")
        champion = champion or self.artifact(standard_artifacts.Model, "no champion")
        Executor().Do(
            {"examples": [examples], "model": [model], "champion": [champion]},
            {"infra_blessing": [infra]},
            {"config": json.dumps(CONFIG | config)},
        )
        blessing = self.artifact(standard_artifacts.ModelBlessing, "blessing")
        (self.folder / "blessing" / "BLESSED").touch()
        pushed = self.artifact(standard_artifacts.PushedModel, "push")
        Pusher().Do(
            {"model": [model], "blessing": [blessing], "infra_blessing": [infra]},
            {"pushed_model": [pushed]},
            {"push_destination": str(self.folder / "pushed")},
        )
        return (
            infra.get_string_custom_property("summary"),
            pushed.get_string_custom_property("summary"),
            (self.folder / "pushed").exists(),
        )


@pytest.fixture
def room(tmp_path, pictures):
    return Room(tmp_path, pictures)


def test_a_good_model_serves_and_is_pushed_with_its_latency_and_memory_recorded(room, tmp_path):
    summary, _, pushed = room.check(room.model())
    assert summary.startswith("serves: p50 ")
    assert pushed
    report = json.loads((tmp_path / "infra" / "serving.json").read_text())
    assert 0 < report["challenger"]["p50_ms"] <= report["challenger"]["p99_ms"] < 1000
    assert 20 < report["challenger"]["memory_mb"] < 2000


FAULTS = {
    "label order": ({"labels": LABELS[::-1], "names": LABELS}, "gives the label"),
    "vocabulary order": ({"names": LABELS[::-1]}, "assets/labels are not those of the training"),
    "transform graph": ({"darker": 1}, "its transform graph is not the training's"),
    "batch of one": ({"one_crashes": True}, "serving_default with a batch of one failed"),
    "NaN": ({"nan": True}, "probabilities that are no numbers"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_model_is_stopped_with_the_cause_and_never_pushed(room, fault):
    broken, cause = FAULTS[fault]
    summary, push, pushed = room.check(room.model(**broken))
    assert cause in summary
    assert cause in push
    assert not pushed


def test_a_missing_asset_is_named(room, tmp_path):
    model = room.model()
    (tmp_path / "model" / "Format-Serving" / "assets" / "labels").unlink()
    summary, _, pushed = room.check(model)
    assert "the asset assets/labels is missing" in summary
    assert not pushed


@pytest.mark.slow
def test_a_model_ten_times_slower_than_the_champion_is_stopped(room):
    summary, _, pushed = room.check(room.model(slow=12), room.model("champion"))
    assert "times the champion's, above max_slowdown 5" in summary
    assert not pushed


def test_a_latency_above_the_limit_is_stopped(room):
    summary, _, pushed = room.check(room.model(slow=12), max_latency_ms=2.0)
    assert "is above max_latency_ms 2" in summary
    assert not pushed
