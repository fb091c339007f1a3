"""A pushed classifier of small images, images for it, and `feed` in less time."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from cli.command_line import main
from components.trainer.certification.certify import certify
from tests.cli.predictions import CLASSES

CERTIFICATION = "components.trainer.certification.certify"


@pytest.fixture(scope="session")
def destination(tmp_path_factory):
    """A push destination with one small model of the pipeline's signatures."""
    folder = tmp_path_factory.mktemp("pushed")
    weights = tf.Variable(np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32))
    module = tf.Module()
    module.weights = weights
    labels = folder / "labels"
    labels.write_text("\n".join(CLASSES) + "\n")
    module.labels = tf.saved_model.Asset(str(labels))

    def classified(images):
        decoded = tf.map_fn(
            lambda image: tf.io.decode_png(image, channels=1), images, fn_output_signature=tf.uint8
        )
        flat = tf.reshape(tf.cast(decoded, tf.float32) / 255, [-1, 64])
        # A white image is one whose probabilities are not numbers.
        white = tf.reduce_min(flat, axis=1, keepdims=True) == 1
        probabilities = tf.where(white, np.nan, tf.nn.softmax(flat @ weights))
        best = tf.argmax(probabilities, -1)
        names = tf.gather(tf.constant(CLASSES), best)
        return {"class": best, "label": names, "probabilities": probabilities}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
    def serving_default(image):
        return classified(image)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(examples):
        spec = {"image": tf.io.FixedLenFeature([], tf.string)}
        return classified(tf.io.parse_example(examples, spec)["image"])

    module.functions = [serving_default, serve_examples]
    signatures = {"serving_default": serving_default, "serve_examples": serve_examples}
    tf.saved_model.save(module, str(folder / "pushed" / "1"), signatures=signatures)
    return str(folder / "pushed")


@pytest.fixture(scope="session")
def images():
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (70, 8, 8, 1), np.uint8)
    return [tf.io.encode_png(image).numpy() for image in pixels]


@pytest.fixture
def folder(tmp_path, images):
    place = tmp_path / "images"
    place.mkdir()
    for number, image in enumerate(images):
        (place / f"{number:03}.png").write_bytes(image)
    return place


@pytest.fixture
def predict(capfd):
    """A function: (places, model, *words) → (exit code, lines on stdout, lines on stderr)."""

    def predict(places, model, *words):
        code = main(["predict", *map(str, places), "--model", model, *map(str, words)])
        return code, *(text.split("\n")[:-1] for text in capfd.readouterr())

    return predict


@pytest.fixture
def quickly(monkeypatch):
    """Every measurement of `feed` takes a tenth of its time."""
    monkeypatch.setattr(f"{CERTIFICATION}.certify", functools.partial(certify, seconds=0.2))
