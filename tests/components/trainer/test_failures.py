"""What the user did wrong, in one line that says what to do; and nothing half-written."""

import json
import shutil
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.trainer import training_faults
from components.trainer.input.function import input_function
from failures import Failure
from tests.components.trainer.conftest import LINEAR, SIDE
from tests.full_disk import full_disk


@pytest.fixture
def refused(digits, train_in, tmp_path):
    """The line that a training is refused with."""

    def training(**properties) -> str:
        with pytest.raises(Failure) as refusal:
            train_in("refused", **{"model": LINEAR} | properties)
        assert not list((tmp_path / "refused").glob("model/*"))
        line = str(refusal.value)
        assert "\n" not in line
        return line

    return training


@pytest.fixture
def inputs_with(digits, tmp_path):
    """The digits' inputs with other transformed Examples."""

    def inputs(**splits) -> dict:
        made = digits.inputs
        examples = digits.transformed_examples(tmp_path / "others", **splits)
        made["transformed_examples"] = [examples]
        return made

    return inputs


@pytest.fixture
def records(digits, transformed_record):
    """Transformed Examples of the training split with other labels."""

    def made(label=None) -> list[bytes]:
        return [
            transformed_record(pixels, known if label is None else label)
            for pixels, known in digits.transformed("train")
        ]

    return made


def test_an_unknown_model_is_refused_with_the_known_ones(refused):
    line = refused(model={"name": "resnet9000"})
    assert "'resnet9000'" in line
    assert "small_cnn" in line


def test_an_unknown_parameter_of_a_model_is_refused_with_the_known_ones(refused):
    line = refused(model={"name": "small_cnn", "parameters": {"depth": 3}})
    assert "depth: unknown key; allowed: filters, dropout" in line


def test_a_value_that_the_model_cannot_use_is_refused(refused):
    line = refused(model={"name": "small_cnn", "parameters": {"filters": [0]}})
    assert "parameters.filters.0: given 0; allowed: a whole number, above 0" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("epochs", -1),
        ("learning_rate", 0),
        ("learning_rate", "0.1"),
        ("optimizer", "adamant"),
        ("schedule", "linear"),
        ("early_stopping_patience", 0),
        ("checkpoint_every_steps", 0),
        ("checkpoint_every_seconds", 0),
    ],
)
def test_a_training_parameter_out_of_range_is_named(refused, name, value):
    line = refused(**{name: value})
    assert f"Training: {name}: given {value!r}; allowed: " in line


def test_an_unknown_training_parameter_is_named(refused):
    line = refused(batchsize=16)
    assert "batchsize: unknown key; did you mean batch_size?" in line


def test_a_missing_training_split_is_reported(digits, refused):
    inputs = digits.inputs
    inputs["transformed_examples"][0].split_names = '["validation"]'
    assert '"train"' in refused(inputs=inputs)


def test_a_training_split_without_examples_is_reported(refused, inputs_with):
    assert "no examples" in refused(inputs=inputs_with(train=[]))


def test_a_batch_larger_than_the_training_split_is_refused_with_both_numbers(refused):
    line = refused(batch_size=241)
    assert "241" in line
    assert "240" in line


@pytest.mark.slow
def test_a_label_outside_the_classes_is_reported(refused, inputs_with, records):
    line = refused(inputs=inputs_with(train=[*records()[1:], *records(label=10)[:1]]))
    assert "1 labels" in line
    assert "10 classes" in line


@pytest.mark.slow
def test_a_split_without_a_known_label_is_reported(refused, inputs_with, records):
    assert "vocabulary" in refused(inputs=inputs_with(train=records(label=-1)))


@pytest.fixture
def with_unknown_validation(digits, inputs_with, transformed_record):
    """Inputs whose validation split has no known label; and how many examples it has."""
    unknown = [transformed_record(pixels, -1) for pixels, _ in digits.transformed("validation")]
    known = [transformed_record(*pair) for pair in digits.transformed("train")]
    return inputs_with(train=known, validation=unknown, test=known), len(unknown)


@pytest.mark.slow
def test_a_metric_without_a_known_label_to_measure_it_by_is_reported(
    with_unknown_validation, refused
):
    line = refused(inputs=with_unknown_validation[0], monitor="worst_class_recall")
    assert "no epoch has a value of training.monitor: worst_class_recall" in line


@pytest.mark.slow
def test_a_validation_without_a_known_label_has_no_loss(with_unknown_validation, train_in):
    inputs, unknown = with_unknown_validation
    run = train_in("unknown", inputs=inputs, model=LINEAR, epochs=2)
    epochs = run.history["epochs"]
    assert {epoch["validation_loss"] for epoch in epochs} == {None}
    assert {epoch["validation_left_out"] for epoch in epochs} == {unknown}
    assert "training accuracy" in run.model.get_string_custom_property("summary")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filters", "mean", "cause"),
    [
        ([], "1e38", "the loss is not a finite number from step 1 on."),
        # Batch normalisation holds the loss down while its own variance leaves float32.
        ([8], "1e30", "some weights are not finite numbers after step 15."),
    ],
)
def test_a_training_that_diverges_names_the_step_and_what_to_do(
    digits, refused, tmp_path, filters, mean, cause
):
    graph = tmp_path / "transform_graph"
    shutil.copytree(digits.folder / "transform_graph", graph)
    statistics = json.loads((graph / "pixel_statistics.json").read_text())
    (graph / "pixel_statistics.json").write_text(
        json.dumps(statistics | {"mean": [float(mean)], "std": [1.0]})
    )
    inputs = digits.inputs
    inputs["transform_graph"][0].uri = str(graph)
    line = refused(inputs=inputs, model={"name": "small_cnn", "parameters": {"filters": filters}})
    assert cause in line
    assert "learning_rate" in line


@pytest.mark.slow  # TensorFlow waits ten seconds for memory that comes free.
def test_a_step_that_does_not_fit_into_memory_says_what_to_lower():
    @tf.function
    def step(side):
        return tf.reduce_sum(tf.random.uniform([side, side, side, side]))

    with pytest.raises(Failure) as reported, training_faults.step_reported(batch_size=512):
        step(tf.constant(1000))  # 4 TB
    line = str(reported.value)
    assert line.startswith(
        "Trainer: a step on 512 images does not fit into the device's memory (OOM"
    )
    assert "training.batch_size" in line
    assert "\n" not in line


@pytest.mark.slow
def test_an_optimizer_that_does_not_fit_into_memory_is_reported(refused, monkeypatch):
    def build(optimizer, variables):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(keras.optimizers.Adam, "build", build)
    line = refused(optimizer="adam")
    assert "training keeps of each do not fit into the device's memory (OOM when" in line
    assert "Choose a smaller model." in line


@pytest.mark.parametrize(
    ("kind", "words", "reported"),
    [
        (tf.errors.ResourceExhaustedError, "OOM when allocating tensor", "a step on 16 images"),
        (tf.errors.InternalError, "Dst tensor is not initialized.", "a step on 16 images"),
        (
            tf.errors.NotFoundError,
            "No algorithm worked!  Error messages:\n  Profiling failure on CUDNN engine eng0: "
            "UNKNOWN: CUDNN_STATUS_ALLOC_FAILED\nin cuda_dnn.cc(5333): 'status'",
            "memory (Profiling failure on CUDNN engine eng0: UNKNOWN: CUDNN_STATUS_ALLOC_FAILED).",
        ),
        (tf.errors.ResourceExhaustedError, "{file}; Too many open files", "{file}"),
        (tf.errors.NotFoundError, "/BEDROOM/allocated; No such file or directory", "Transform"),
    ],
)
def test_a_batch_that_does_not_fit_on_the_device_is_no_unreadable_file(
    digits, kind, words, reported
):
    files = sorted(map(str, (digits.folder / "transformed" / "Split-validation").iterdir()))
    source = input_function(files, (SIDE, SIDE, 1), 16, training=False)

    def batches():
        raise kind(None, None, words.format(file=files[0]))
        yield

    with pytest.raises(Failure) as failure, training_faults.step_reported(16):
        next(training_faults.readable(batches(), source, 1))
    assert reported.format(file=files[0]) in str(failure.value)


def test_a_transform_graph_that_does_not_say_its_images_shape_is_refused(digits, refused, tmp_path):
    graph = tmp_path / "transform_graph"
    shutil.copytree(digits.folder / "transform_graph", graph)
    (graph / "pixel_statistics.json").write_text('{"mean": [1.0], "std": [1.0]}')
    inputs = digits.inputs
    inputs["transform_graph"][0].uri = str(graph)
    assert "Run Transform again" in refused(inputs=inputs)


def test_a_feature_unknown_to_the_transform_graph_is_refused_with_the_known_ones(refused):
    line = refused(features={"image_feature": "photo"})
    assert '"photo"' in line
    assert "image, label" in line


def test_a_schema_of_other_types_than_the_transform_graphs_is_refused(digits, refused, tmp_path):
    schema = schema_pb2.Schema()
    schema.feature.add(name="image", type=schema_pb2.BYTES)
    schema.feature.add(name="label", type=schema_pb2.BYTES)
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    inputs = digits.inputs
    inputs["schema"][0].uri = str(tmp_path / "schema")
    line = refused(inputs=inputs)
    assert '"label" as int64' in line


def test_transformed_examples_of_another_size_are_refused(refused, inputs_with, transformed_record):
    line = refused(inputs=inputs_with(train=[transformed_record(bytes(100), 1)] * 40))
    assert "image" in line


@pytest.mark.slow
def test_a_damaged_shard_is_named(digits, refused, tmp_path):
    inputs = digits.inputs
    shutil.copytree(digits.folder / "transformed", tmp_path / "damaged")
    inputs["transformed_examples"][0].uri = str(tmp_path / "damaged")
    shard = sorted((tmp_path / "damaged" / "Split-train").iterdir())[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    assert shard.name in refused(inputs=inputs)


@pytest.mark.slow
def test_a_model_that_does_not_fit_on_the_disk_is_reported(refused, tmp_path):
    with full_disk(40_000):
        line = refused(epochs=1)
    assert "Format-Serving cannot be written" in line
    assert "Free some space" in line


@pytest.mark.slow
def test_a_checkpoint_that_does_not_fit_on_the_disk_is_reported(refused, tmp_path):
    with full_disk(40_000):
        line = refused(
            model={"name": "small_cnn", "parameters": {"filters": [16, 64]}},
            checkpoint_dir=tmp_path / "checkpoints",
            checkpoint_every_steps=1,
        )
    assert "checkpoint cannot be written" in line
    assert not list((tmp_path / "checkpoints").rglob("checkpoint*"))


def test_an_earlier_half_written_model_is_replaced(trained):
    """Of `trained`, one lay there before. That the model can be loaded: test_serving.py."""
    assert [file.name for file in Path(trained.model.uri).glob("Format-*")] == ["Format-Serving"]
    assert Path(trained.serving_folder, "saved_model.pb").stat().st_size > 1000
