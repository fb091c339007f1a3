"""Segmentation through Trainer's executor: a U-Net, its figures and its SavedModel."""

import base64
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts

from components.trainer.losses import Loss
from components.trainer.tallies import Tallies
from components.transform.executor import execute as transform
from settings.data import Features
from settings.preprocessing import Preprocessing
from settings.training import Training

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 12, 16
CLASSES = {"ground": 10, "thing": 20}
SPLITS = {"train": range(64), "validation": range(64, 80), "test": range(80, 96)}
IMAGE = {"height": HEIGHT, "width": WIDTH, "channels": 3}
FEATURES = {"mask_feature": "mask", "mask_classes": CLASSES}
MODEL = {"name": "unet", "parameters": {"filters": [8, 16]}}


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def raw_example(seed: int, with_mask: bool = True) -> bytes:
    """A bright box on dark noise; its mask, with a border of no class around the picture."""
    random = np.random.default_rng(seed)
    top, left = random.integers(2, 6), random.integers(2, 8)
    box = slice(top, top + 5), slice(left, left + 6)
    pixels = random.integers(0, 120, (HEIGHT, WIDTH, 3))
    pixels[box] += 110
    mask = np.full((HEIGHT, WIDTH), 10, np.uint8)
    mask[box] = 20
    mask[0] = mask[-1] = 99
    example = tf.train.Example()
    example.features.feature["image"].bytes_list.value.append(png(pixels.astype(np.uint8)))
    if with_mask:
        example.features.feature["mask"].bytes_list.value.append(png(mask))
    return example.SerializeToString()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, make_artifact, write_in_shards):
    """What comes before Trainer, made by Transform's executor."""
    folder = tmp_path_factory.mktemp("boxes")
    for split, seeds in SPLITS.items():
        write_in_shards(
            folder / "raw" / f"Split-{split}", [raw_example(seed) for seed in seeds], shards=1
        )
    schema = schema_pb2.Schema()
    for name in ("image", "mask"):
        schema.feature.add(name=name, type=schema_pb2.BYTES)
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    made = {
        "transformed_examples": [
            make_artifact(standard_artifacts.Examples, folder / "transformed", SPLITS)
        ],
        "transform_graph": [make_artifact(standard_artifacts.TransformGraph, folder / "graph")],
        "schema": [make_artifact(standard_artifacts.Schema, folder / "schema")],
    }
    raw = make_artifact(standard_artifacts.Examples, folder / "raw", SPLITS)
    transform(
        raw,
        *made["schema"],
        Preprocessing.of(**IMAGE),
        Features.of(**FEATURES),
        *made["transform_graph"],
        *made["transformed_examples"],
    )
    return made


@pytest.fixture(scope="module")
def segmenter(inputs, train_once, tmp_path_factory):
    return train_once(
        inputs,
        tmp_path_factory.mktemp("segmenter"),
        model=MODEL,
        image=IMAGE,
        features=FEATURES,
        epochs=6,
        learning_rate=0.02,
    )


@pytest.fixture(scope="module")
def signatures(segmenter):
    return segmenter.load().signatures


def test_a_unet_learns_boxes_and_tells_pixel_accuracy_and_mean_iou(segmenter):
    best = segmenter.history["epochs"][segmenter.history["best_epoch"] - 1]
    assert best["validation_mean_iou"] > 0.7
    assert best["validation_accuracy"] > best["validation_mean_iou"]
    assert segmenter.model.get_string_custom_property("summary") == (
        f"validation pixel accuracy {best['validation_accuracy']:.3f}, "
        f"mean IoU {best['validation_mean_iou']:.3f} in 6 epochs"
    )
    assert best["loss"] < 1  # a mean over pixels


def test_pixels_of_no_class_count_nowhere(segmenter):
    # The first and the last row of 16 masks.
    assert segmenter.history["epochs"][0]["validation_left_out"] == 16 * 2 * WIDTH


def test_encoded_images_are_answered_pixel_by_pixel(signatures):
    examples = [tf.train.Example.FromString(raw_example(seed)) for seed in SPLITS["test"]]
    images = [e.features.feature["image"].bytes_list.value[0] for e in examples]
    answer = signatures["serving_default"](image=tf.constant(images))
    assert set(answer) == {"mask", "probabilities"}
    mask, probabilities = (answer[name].numpy() for name in ("mask", "probabilities"))
    assert (mask.shape, mask.dtype) == ((16, HEIGHT, WIDTH), np.uint8)
    assert (probabilities.shape, probabilities.dtype) == ((16, HEIGHT, WIDTH, 2), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(mask, probabilities.argmax(axis=-1))


def test_raw_examples_are_answered_the_same_with_and_without_masks(signatures):
    with_masks, without = (
        signatures["serve_examples"](
            examples=tf.constant([raw_example(seed, with_mask) for seed in range(5)])
        )
        for with_mask in (True, False)
    )
    np.testing.assert_array_equal(with_masks["probabilities"], without["probabilities"])


def test_serving_sees_the_very_bytes_that_training_saw(inputs, signatures, read_shards):
    transformed_folder = Path(inputs["transformed_examples"][0].uri)
    raw = read_shards(transformed_folder.parent / "raw" / "Split-test")
    transformed = read_shards(transformed_folder / "Split-test")
    served = signatures["transform_features"](examples=tf.constant(raw))
    assert set(served) == {"image", "mask"}
    for name, values in served.items():
        wanted = [
            tf.train.Example.FromString(record).features.feature[name].bytes_list.value[0]
            for record in transformed
        ]
        assert values.numpy().tolist() == wanted


def test_an_empty_batch_gives_an_empty_answer(signatures):
    answer = signatures["serving_default"](image=tf.constant([], tf.string))
    assert answer["mask"].shape == (0, HEIGHT, WIDTH)
    assert answer["probabilities"].shape == (0, HEIGHT, WIDTH, 2)


def test_the_model_carries_its_classes_and_expected_answers(segmenter, signatures):
    assert (segmenter.serving_folder / "assets" / "labels").read_text() == "ground\nthing\n"
    expected = json.loads((segmenter.serving_folder.parent / "expected_answers.json").read_text())
    assert expected["task"] == "segmentation"
    assert expected["labels"] == ["ground", "thing"]
    assert len(expected["answers"]) == 4
    raw = tf.constant([raw_example(seed) for seed in SPLITS["test"]])
    images = signatures["transform_features"](examples=raw)["image"].numpy()
    answers = signatures["serve_examples"](examples=raw)["probabilities"].numpy()
    served = {hashlib.sha256(i).hexdigest(): a for i, a in zip(images, answers, strict=True)}
    for name, text in expected["answers"].items():
        wanted = np.frombuffer(base64.b64decode(text), "<f4").reshape(HEIGHT, WIDTH, 2)
        np.testing.assert_allclose(served[name], wanted, atol=1e-5)


def test_mean_iou_is_that_of_its_definition():
    random = np.random.default_rng(1)
    labels = random.integers(-1, 4, (3, 6, 6)).astype(np.int32)  # class 4 occurs nowhere
    predicted = random.integers(0, 4, (3, 6, 6))
    counted, loss = Tallies(5, metrics=["mean_iou"]), Loss(Training())
    for half in (slice(0, 1), slice(1, 3)):
        logits = tf.one_hot(predicted[half], 5)
        counted.add(logits, [loss.judge(logits, tf.constant(labels[half]))])
    ious = []
    for number in range(4):
        true, found = labels == number, (predicted == number) & (labels >= 0)
        ious.append((true & found).sum() / (true | found).sum())
    assert counted.measure("mean_iou") == pytest.approx(np.mean(ious))
    counted.clear()
    assert counted.measure("mean_iou") is None


def test_tflite_files_of_a_unet_answer_like_the_signature(segmenter, inputs, as_tflite):
    records = [raw_example(seed) for seed in list(SPLITS["test"])[:4]]
    made, causes = as_tflite(segmenter, records, inputs["transformed_examples"][0])
    assert causes == []
    assert made["tflite_float16"].difference < 0.01
    assert made["tflite_int8"].difference < 0.1
