"""What each example weighs: from a raw feature through Transform into loss and gradient."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts

from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.transform.executor import execute as transform
from failures import Failure
from settings.data import Features
from settings.preprocessing import Preprocessing
from tests.components.trainer.conftest import (
    LINEAR,
    SIDE,
    artifact,
    encoded,
    read_records,
    write_shards,
)
from tests.components.trainer.linear_classifier import (
    BATCH,
    CLASS_WEIGHTS,
    IMAGES,
    LABELS,
    after_one_step,
    gradients,
    losses,
    plain_sgd,
    steps_of,
    train,
    weights_of,
)

pytestmark = pytest.mark.slow

WEIGHTS = np.array([2.0, 0.0, 1.0, 0.5, 3.0, 7.0], np.float32)
FEATURES = {"weight_feature": "importance"}
SPLITS = {"train": range(40), "validation": range(40, 60), "test": range(60, 80)}
KEYS = {"features": FEATURES, "model": LINEAR, "epochs": 1, "batch_size": 40}


def weight_of(row: int) -> float:
    return (row % 5) / 2


def weight_in(record: bytes) -> float:
    features = tf.train.Example.FromString(record).features.feature
    return features["sample_weight"].float_list.value[0]


def raw_example(digits, row: int, weight=None) -> bytes:
    example = tf.train.Example()
    features = example.features.feature
    features["image"].bytes_list.value.append(encoded(digits.pictures[row]))
    features["label"].int64_list.value.append(int(digits.labels[row]))
    if weight is not None:
        features["importance"].float_list.value.append(weight)
    return example.SerializeToString()


def transformed(folder, splits: dict[str, list[bytes]]) -> dict:
    """The inputs of Trainer, from these raw Examples."""
    for split, records in splits.items():
        write_shards(folder / "raw" / f"Split-{split}", records)
    schema = schema_pb2.Schema()
    kinds = {"image": schema_pb2.BYTES, "label": schema_pb2.INT, "importance": schema_pb2.FLOAT}
    for name, kind in kinds.items():
        schema.feature.add(name=name, type=kind)
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    examples = artifact(standard_artifacts.Examples, folder / "transformed", splits)
    graph = artifact(standard_artifacts.TransformGraph, folder / "transform_graph")
    described = artifact(standard_artifacts.Schema, folder / "schema")
    transform(
        artifact(standard_artifacts.Examples, folder / "raw", splits),
        described,
        Preprocessing.of(height=SIDE, width=SIDE, channels=1),
        Features.of(**FEATURES),
        graph,
        examples,
    )
    return {
        "transformed_examples": [examples],
        "transform_graph": [graph],
        "schema": [described],
    }


@pytest.fixture(scope="module")
def weighted(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weighted")
    return folder, transformed(
        folder,
        {
            split: [raw_example(digits, row, weight_of(row)) for row in rows]
            for split, rows in SPLITS.items()
        },
    )


def test_transform_hands_on_what_each_example_weighs(weighted):
    records = read_records(weighted[0] / "transformed" / "Split-train")
    assert len(set(map(len, records))) == 1
    found = [weight_in(record) for record in records]
    assert found == [weight_of(row) for shard in (0, 1) for row in SPLITS["train"][shard::2]]


@pytest.mark.parametrize("strategy", ["memory", "disk", "streaming"])
def test_every_input_strategy_gives_an_image_its_own_weight(weighted, digits, tmp_path, strategy):
    files = sorted(map(str, (weighted[0] / "transformed" / "Split-train").iterdir()))
    options = FeedOptions(seed=1, strategy=strategy, cache_dir=str(tmp_path))
    fed = input_function(
        files, (SIDE, SIDE, 1), 8, training=True, weight="sample_weight", options=options
    )
    pairs = [
        (image.tobytes(), label, weight)
        for batch in fed.dataset.take(5).as_numpy_iterator()
        for image, label, weight in zip(*batch, strict=True)
    ]
    expected = []
    for record in read_records(weighted[0] / "transformed" / "Split-train"):
        features = tf.train.Example.FromString(record).features.feature
        expected.append(
            (
                features["image"].bytes_list.value[0],
                features["label"].int64_list.value[0],
                features["sample_weight"].float_list.value[0],
            )
        )
    assert sorted(pairs) == sorted(expected)


@pytest.mark.parametrize(
    ("class_weights", "xla"), [(None, False), (CLASS_WEIGHTS, False), (CLASS_WEIGHTS, True)]
)
def test_a_step_follows_the_gradient_of_the_weighted_examples(class_weights, xla):
    steps = steps_of(plain_sgd(), class_weights=class_weights, xla=xla)
    before = weights_of(steps)
    train(steps, batch=(IMAGES, LABELS, WEIGHTS))
    weights = WEIGHTS * (np.array(class_weights)[LABELS] if class_weights else 1.0)
    expected = after_one_step(before, gradients(*before, weights=weights))
    for mine, right in zip(weights_of(steps), expected, strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-5)


def test_the_validation_loss_is_the_mean_by_weight_and_the_accuracy_counts_each_once():
    steps = steps_of(plain_sgd(), class_weights=CLASS_WEIGHTS)
    kernel, bias = weights_of(steps)
    batch = tuple(map(tf.constant, (IMAGES, LABELS, WEIGHTS)))
    steps.compile_validation(tuple(map(tf.TensorSpec.from_tensor, batch)))([batch])
    totals = steps.validation.totals()
    logits = IMAGES.reshape(BATCH, -1) / 255 @ kernel + bias
    known = LABELS >= 0
    expected = (losses(logits, LABELS) * WEIGHTS).sum() / WEIGHTS[known].sum()
    assert totals.mean_loss == pytest.approx(expected, abs=1e-5)
    assert totals.accuracy == np.mean((logits.argmax(-1) == LABELS)[known])


def test_a_training_weighs_its_examples(weighted, train_in):
    run = train_in("weighted", inputs=weighted[1], **KEYS)
    classes = run.history["classes"]
    assert sum(part["weight"] for part in classes) == sum(map(weight_of, SPLITS["train"]))
    assert sum(part["examples"] for part in classes) == 40


def test_examples_that_transform_did_not_weigh_are_refused(digits, train_in):
    with pytest.raises(Failure, match=r"and 'sample_weight' \(\) float32"):
        train_in("unweighted", features=FEATURES)


@pytest.mark.parametrize(
    ("weight", "said"), [(None, r"\[\]"), (-1.0, r"\[-1.0\]"), (float("nan"), r"\[nan\]")]
)
def test_a_weight_that_is_missing_or_negative_is_named(digits, tmp_path, weight, said):
    records = [raw_example(digits, row, 1.0) for row in range(4)]
    records.append(raw_example(digits, 4, weight))
    message = f"record 2 of data-00000-of-00002 in split 'train' has {said} as weight_feature"
    with pytest.raises(Failure, match=message):
        transformed(tmp_path, {"train": records})


def test_a_weight_that_is_no_number_is_refused(weighted, tmp_path):
    schema = schema_pb2.Schema()
    for name, kind in {"image": schema_pb2.BYTES, "label": schema_pb2.INT}.items():
        schema.feature.add(name=name, type=kind)
    (tmp_path / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    with pytest.raises(Failure, match="no number 'importance' for weight_feature"):
        transform(
            artifact(standard_artifacts.Examples, weighted[0] / "raw", SPLITS),
            artifact(standard_artifacts.Schema, tmp_path),
            Preprocessing.of(height=SIDE, width=SIDE, channels=1),
            Features.of(**FEATURES),
            artifact(standard_artifacts.TransformGraph, tmp_path / "graph"),
            artifact(standard_artifacts.Examples, tmp_path / "transformed"),
        )


@pytest.mark.parametrize(("split", "words"), [("train", "training"), ("validation", "validation")])
def test_examples_that_all_weigh_nothing_are_refused_in_one_line(
    weighted, digits, train_in, tmp_path, split, words
):
    records = read_records(weighted[0] / "transformed" / "Split-train")
    weightless = [record for record in records if weight_in(record) == 0]
    splits = {"train": records} | {split: weightless * 5}
    examples = digits.transformed_examples(tmp_path / "none", **splits)
    inputs = weighted[1] | {"transformed_examples": [examples]}
    with pytest.raises(Failure, match=f"all {words} examples have the weight 0"):
        train_in("weightless", inputs=inputs, **KEYS)
