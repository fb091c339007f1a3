"""The SavedModel: its signatures, and that serving sees what training saw."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.images_at_once import fitting, images_at_once


@pytest.fixture(scope="module")
def signatures(trained):
    return trained.load().signatures


@pytest.fixture(scope="module")
def test_pictures(digits):
    return digits.pictures[320:420]


def test_there_are_three_signatures_and_their_shapes(signatures):
    assert set(signatures) == {"serving_default", "serve_examples", "transform_features"}
    for name in ("serving_default", "serve_examples"):
        outputs = signatures[name].structured_outputs
        assert outputs["class"].dtype == tf.int64
        assert outputs["label"].dtype == tf.string
        assert outputs["probabilities"].dtype == tf.float32
        assert outputs["probabilities"].shape.as_list() == [None, 10]


def test_the_model_says_itself_what_size_of_image_it_sees(trained):
    expected = fitting("classification", (12, 12, 1), (10,))
    assert images_at_once(str(trained.serving_folder), "classification") == expected


def test_encoded_images_are_classified(digits, signatures, encode, test_pictures):
    images = tf.constant([encode(picture) for picture in test_pictures])
    outputs = signatures["serving_default"](image=images)
    probabilities = outputs["probabilities"].numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(outputs["class"], probabilities.argmax(axis=1))
    names = [digits.names[label] for label in digits.labels[320:420]]
    hits = [
        name == label.decode() for name, label in zip(names, outputs["label"].numpy(), strict=True)
    ]
    assert np.mean(hits) > 0.6


def test_the_label_is_the_class_in_the_vocabulary(digits, signatures, encode, test_pictures):
    images = tf.constant([encode(picture) for picture in test_pictures])
    outputs = signatures["serving_default"](image=images)
    named = [digits.names[number].encode() for number in outputs["class"].numpy()]
    assert outputs["label"].numpy().tolist() == named


def test_a_jpeg_is_classified_like_the_png_of_the_same_picture(signatures, encode, test_pictures):
    serve = signatures["serving_default"]
    png = serve(image=tf.constant([encode(picture) for picture in test_pictures]))
    jpeg = serve(image=tf.constant([encode(picture, "JPEG") for picture in test_pictures]))
    assert np.mean(png["class"] == jpeg["class"]) > 0.95


def test_raw_examples_are_classified_with_and_without_a_label(
    digits, signatures, encode, raw, test_pictures
):
    images = [encode(picture) for picture in test_pictures]
    wanted = signatures["serving_default"](image=tf.constant(images))
    labelled = signatures["serve_examples"](examples=tf.constant(digits.records("test")))
    unlabelled = signatures["serve_examples"](
        examples=tf.constant([raw(image) for image in images])
    )
    np.testing.assert_array_equal(unlabelled["probabilities"], wanted["probabilities"])
    # The records lie in two shards, the pictures in one row.
    assert sorted(labelled["class"].numpy()) == sorted(wanted["class"].numpy())


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_serving_sees_the_very_bytes_that_training_saw(digits, signatures, split):
    served = signatures["transform_features"](examples=tf.constant(digits.records(split)))
    assert set(served) == {"image", "label"}
    images, labels = (served[name].numpy().tolist() for name in ("image", "label"))
    assert sorted(zip(images, labels, strict=True)) == sorted(digits.transformed(split))


def test_an_empty_batch_gives_an_empty_answer(signatures):
    nothing = tf.constant([], tf.string)
    for name, argument in (("serving_default", "image"), ("serve_examples", "examples")):
        outputs = signatures[name](**{argument: nothing})
        assert outputs["class"].shape == (0,)
        assert outputs["probabilities"].shape == (0, 10)


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.integers(0, 99), min_size=1, max_size=40))
def test_what_else_is_in_a_batch_changes_no_answer(signatures, encode, test_pictures, rows):
    images = [encode(picture) for picture in test_pictures]
    alone = signatures["serving_default"](image=tf.constant(images))["probabilities"].numpy()
    batch = tf.constant([images[row] for row in rows])
    together = signatures["serving_default"](image=batch)["probabilities"].numpy()
    np.testing.assert_allclose(together, alone[rows], atol=1e-5)


@pytest.mark.slow
def test_tflite_files_answer_like_the_signature(digits, trained, as_tflite):
    examples = digits.inputs["transformed_examples"][0]
    made, causes = as_tflite(trained, digits.records("test")[:16], examples)
    assert causes == []
    assert made["tflite_float16"].difference < 0.005
    assert made["tflite_int8"].difference < 0.1
    assert len(made["tflite_int8"].content) < len(made["tflite_float16"].content)
