"""Trainer's executor: what an undisturbed training leaves behind."""

import gc
import json
import logging
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import channel, standard_artifacts

from components.trainer.component import Trainer
from components.trainer.temperature import Calibration
from settings.model import Model
from settings.preprocessing import Preprocessing
from settings.training import Training
from tests.components.trainer.conftest import LINEAR, SPLITS


def scalars(run, part: str) -> dict[str, list[float]]:
    """What TensorBoard would show of `train` or `validation`, in the order of the epochs."""
    found = {}
    [file] = Path(run.model_run.uri, part).iterdir()
    for event in tf.compat.v1.train.summary_iterator(str(file)):
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name in ("scalars", "")
            found.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    return found


@pytest.mark.slow
def test_a_training_learns(trained):
    first, *_, last = trained.history["epochs"]
    assert last["loss"] < first["loss"] / 3
    assert last["validation_accuracy"] > 0.85


@pytest.mark.slow
def test_the_model_and_its_run_say_what_they_are(trained):
    best = trained.history["epochs"][trained.history["best_epoch"] - 1]
    accuracy = best["validation_accuracy"]
    summary = trained.model.get_string_custom_property("summary")
    assert summary == f"validation accuracy {accuracy:.3f} in 3 epochs"
    assert trained.model.get_float_custom_property("accuracy") == pytest.approx(accuracy)
    assert "the best one was epoch" in trained.model_run.get_string_custom_property("summary")


def test_tensorboard_shows_every_epoch_of_the_history(trained):
    epochs = trained.history["epochs"]
    for part, prefix in (("train", ""), ("validation", "validation_")):
        shown = scalars(trained, part)
        for name in ("loss", "accuracy"):
            wanted = [epoch[prefix + name] for epoch in epochs]
            np.testing.assert_allclose(shown[f"epoch_{name}"], wanted, rtol=1e-6)


@pytest.mark.slow
def test_the_learning_rate_of_an_epoch_is_that_of_its_last_step(train_in):
    run = train_in("falling", model=LINEAR, epochs=4, schedule="step", precision="mixed_float16")
    wanted = [0.01, 0.01, 0.001, 0.0001]
    recorded = [epoch["learning_rate"] for epoch in run.history["epochs"]]
    for rates in (recorded, scalars(run, "train")["learning_rate"]):
        np.testing.assert_allclose(rates, wanted, rtol=1e-5)


@pytest.mark.slow
def test_what_was_saved_are_the_weights_of_the_best_epoch(digits, trained):
    signatures = trained.load().signatures
    records = tf.constant(digits.records("validation"))
    truth = signatures["transform_features"](examples=records)["label"]
    hits = truth == signatures["serve_examples"](examples=records)["class"]
    best = trained.history["epochs"][trained.history["best_epoch"] - 1]
    assert np.mean(hits) == pytest.approx(best["validation_accuracy"])


def test_nothing_unfinished_is_left_and_no_checkpoint(trained):
    folder = Path(trained.model.uri).parent
    assert not list(folder.rglob("*.unfinished"))
    assert not list(folder.rglob("checkpoint"))


@pytest.mark.slow
def test_another_seed_gives_other_metrics_and_progress_comes_at_most_five_times_a_second(
    trained, train_in, caplog
):
    caplog.set_level(logging.INFO, logger="steadyfeed.progress")
    started = time.monotonic()
    run = train_in("other", seed=4)
    seconds = time.monotonic() - started
    assert not np.allclose(run.metrics, trained.metrics, rtol=1e-4)
    reported = [record for record in caplog.records if record.name == "steadyfeed.progress"]
    shares = [record.completed for record in reported]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert reported[-1].message.startswith("epoch 3 of 3, loss ")
    assert len(reported) <= 5 * seconds + 3  # the end of an epoch is always reported


@pytest.mark.slow
def test_without_a_validation_split_the_training_loss_tells_the_best_epoch(digits, train_in):
    inputs = digits.inputs
    inputs["transformed_examples"][0].split_names = '["train"]'
    run = train_in("alone", inputs=inputs, model=LINEAR, epochs=2)
    assert [epoch["validation_loss"] for epoch in run.history["epochs"]] == [None, None]
    assert run.history["best_epoch"] == 2
    assert run.model.get_string_custom_property("summary").startswith("training accuracy")
    answers = json.loads(Path(run.model.uri, "expected_answers.json").read_text())
    assert answers["split"] == "train"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_metrics_and_unknown_labels_are_left_out_and_counted(
    digits, trained, train_in, tmp_path
):
    inputs = digits.inputs
    folder = tmp_path / "transformed"
    shutil.copytree(digits.folder / "transformed", folder)
    extra = tf.train.Example()
    extra.features.feature["image"].bytes_list.value.append(bytes(144))
    extra.features.feature["label"].int64_list.value.append(-1)
    with tf.io.TFRecordWriter(str(folder / "Split-validation" / "extra-00000-of-00001")) as writer:
        for _ in range(5):
            writer.write(extra.SerializeToString())
    inputs["transformed_examples"][0].uri = str(folder)
    run = train_in("unknown", inputs=inputs)
    assert [epoch["validation_left_out"] for epoch in run.history["epochs"]] == [5, 5, 5]
    assert np.allclose(run.metrics, trained.metrics, rtol=1e-4)
    assert "5 validation examples" in run.model_run.get_string_custom_property("summary")


@pytest.mark.slow
def test_no_more_images_are_in_memory_together_than_in_a_part_of_a_step(
    digits, train_in, read_shards, kit, tmp_path
):
    module = kit("""
        import keras
        import tensorflow as tf
        from keras import layers

        class Narrow(layers.Layer):
            def __init__(self, classes: int):
                super().__init__()
                self.head = layers.Dense(classes)

            def call(self, pixels):
                tf.debugging.assert_less_equal(tf.shape(pixels)[0], 4)
                return self.head(keras.ops.mean(pixels, (1, 2)))
    """)
    splits = {name: read_shards(digits.folder / "transformed" / f"Split-{name}") for name in SPLITS}
    splits["test"] = splits["test"][:4]  # Answers for ServingCheck come from the CPU, all at once.
    inputs = digits.inputs
    inputs["transformed_examples"] = [digits.transformed_examples(tmp_path / "few", **splits)]
    model = {"name": f"{module}:Narrow"}
    run = train_in("parts", inputs, model=model, batch_size=16, gradient_accumulation=4, epochs=1)
    assert run.history["epochs"][0]["validation_loss"] > 0
    assert Calibration.read(run.model.uri).examples == len(splits["validation"])


@pytest.mark.slow
def test_both_splits_together_take_no_more_memory_than_is_allowed(train_in, digits):
    of_one = len(digits.transformed("train")[0][0]) + 8  # pixels and an int64 label
    # What the files' sizes tell before they are read is a third more.
    training, validation = (1.4 * of_one * len(SPLITS[one]) for one in ("train", "validation"))
    for allowed, words in ((training + validation, "fit into"), (training, "exceed")):
        given = {"memory_limit_mb": allowed / 2**20, "probe_seconds": 0}
        run = train_in(words, model=LINEAR, epochs=1, input=given)
        assert words in run.history["input"]


@pytest.mark.slow
def test_a_training_that_gets_no_better_stops_and_keeps_its_best_weights(train_in):
    # Steps this long leave the first epoch's weights soon and never come back.
    keys = {"learning_rate": 3.0, "optimizer": "sgd", "early_stopping_patience": 1}
    run = train_in("patient", model=LINEAR, epochs=12, **keys)
    losses = [epoch["validation_loss"] for epoch in run.history["epochs"]]
    assert len(losses) < 12
    assert run.history["best_epoch"] == int(np.argmin(losses)) + 1 == len(losses) - 1


@pytest.mark.slow
def test_the_copies_of_earlier_runs_examples_go_with_the_next_training(digits, train_in, tmp_path):
    copies = {"strategy": "disk", "cache_dir": str(tmp_path / "cache")}
    kept = []
    for name in ("first", "second"):
        inputs, examples = digits.inputs, tmp_path / "examples" / name
        shutil.copytree(digits.folder / "transformed", examples)
        inputs["transformed_examples"][0].uri = str(examples)
        train_in(name, inputs, model=LINEAR, epochs=1, input=copies)
        gc.collect()
        kept.append({path.parent.name for path in Path(tmp_path, "cache").glob("*/*.json")})
    first, second = kept
    assert len(second) == len(first) == 2  # of the splits "train" and "validation"
    assert not first & second


def test_the_component_carries_its_sections_as_json():
    training = Training(epochs=2)
    trainer = Trainer(
        transformed_examples=channel.Channel(type=standard_artifacts.Examples),
        transform_graph=channel.Channel(type=standard_artifacts.TransformGraph),
        schema=channel.Channel(type=standard_artifacts.Schema),
        preprocessing=Preprocessing(width=28, height=28, channels=1),
        network=Model(name="small_cnn"),
        training=training,
        crop=0.25,
        seed=5,
    )
    assert trainer.id == "Trainer"
    assert trainer.exec_properties["training"] == training.model_dump_json()
    assert json.loads(trainer.exec_properties["augmentation"])["crop"] == 0.25
    assert trainer.exec_properties["seed"] == 5
    assert trainer.outputs["model"].type is standard_artifacts.Model
    assert trainer.outputs["model_run"].type is standard_artifacts.ModelRun
