"""A training that begins with the weights of another one."""

import importlib
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer import first_weights
from components.trainer.model import build_model
from components.trainer.weights_place import fingerprint_of, version_of
from failures import Failure
from settings.first_weights import mistake_in
from settings.model import Model
from tests.components.trainer.conftest import MODEL, NAMES, SIDE


def build(given, labels=NAMES, channels=1, **keys):
    section = Model.of(**MODEL | keys)
    shape = (SIDE, SIDE, channels)
    model = build_model(section, shape, len(labels), [1.0], [1.0], first_weights=given)
    given.give_to(model, labels)
    return model


def equal(model, values) -> list[bool]:
    return [np.array_equal(one.numpy(), two) for one, two in zip(model.variables, values)]  # noqa: B905


@pytest.fixture(scope="module")
def given(trained):
    return first_weights.read(str(trained.serving_folder))


def test_a_model_begins_with_all_of_an_earlier_ones_weights_and_sees_pixels_as_that_one(
    given, trained
):
    model = build(given)
    assert len(model.variables) == len(given.values)
    assert all(equal(model, given.values))
    statistics = json.loads((trained.serving_folder / "assets.extra/network.json").read_text())
    assert statistics["classes"] == NAMES
    mean = model.get_layer("normalisation").mean
    assert np.ravel(mean) == pytest.approx(statistics["pixel_mean"])
    assert np.ravel(mean) != 1.0


@pytest.mark.parametrize("labels", [NAMES[:5], NAMES[::-1]], ids=["fewer", "others"])
def test_the_last_layer_is_replaced_where_the_classes_are_others(given, labels):
    model = build(given, labels)
    found = equal(model, given.values)
    assert found == [True] * (len(found) - 2) + [False] * 2
    assert not any(model.layers[-1].kernel.numpy().ravel())


def test_weights_that_do_not_fit_are_refused_in_one_line(given):
    with pytest.raises(
        Failure, match=r"of small_cnn, do not fit small_cnn: its array 1 has the sh"
    ):
        build(given, parameters={"filters": [4, 16]})
    with pytest.raises(Failure, match=r"trained with preprocessing\.channels 1; given 3"):
        build(given, channels=3)


def test_a_pushed_version_and_a_folder_of_trainer_hold_the_same(given, trained, tmp_path):
    pushed = tmp_path / "pushed" / "7"
    shutil.copytree(trained.serving_folder, pushed)
    (pushed / "steadyfeed.json").write_text("{}")
    for place in (pushed, trained.model.uri):
        found = first_weights.read(str(place))
        assert found.fingerprint == given.fingerprint == fingerprint_of(str(place))
        assert all(map(np.array_equal, found.values, given.values))


def test_a_place_without_weights_is_refused_in_one_line(trained, tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "empty", "nowhere.weights.h5"):
        place = str(tmp_path / name)
        assert "where no weights are; allowed: a folder with saved_model.pb" in mistake_in(place)
        assert version_of(place) == ""
        with pytest.raises(Failure, match="where no weights are"):
            first_weights.read(place)
    other = tmp_path / "other"
    shutil.copytree(trained.serving_folder, other)
    shutil.rmtree(other / "assets.extra")
    with pytest.raises(Failure, match="does not say which network it is"):
        first_weights.read(str(other))


def test_a_damaged_model_is_refused_in_one_line(trained, tmp_path):
    for name, inner in (
        ("half", "assets.extra/network.json"),
        ("cut", "variables/variables.index"),
    ):
        place = tmp_path / name
        shutil.copytree(trained.serving_folder, place)
        (place / inner).write_text("{}")
        with pytest.raises(Failure, match=f"/{name} is damaged: .*Copy the model again") as refused:
            first_weights.read(str(place))
        assert "\n" not in str(refused.value)


def test_weights_that_are_no_numbers_are_refused_in_one_line(tmp_path):
    images = keras.Input((4, 4, 1))
    inner = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 1)])
    model = keras.Model(images, keras.layers.Dense(3)(keras.layers.Flatten()(inner(images))))
    file = str(tmp_path / "nan.weights.h5")
    inner.variables[0].assign(inner.variables[0] * np.nan)
    inner.save_weights(file)
    with pytest.raises(Failure, match=r"nan\.weights\.h5 are not finite numbers\. Name others"):
        first_weights.KerasFile(file, "").give_to(model, NAMES)


def test_a_file_of_keras_weights_needs_a_backbone(tmp_path):
    file = tmp_path / "some.weights.h5"
    file.write_bytes(b"")
    with pytest.raises(Failure, match="allowed with small_cnn, which has no backbone of its own"):
        build(first_weights.KerasFile(str(file), ""))


@pytest.mark.slow
def test_a_training_goes_on_from_another_ones_weights_and_records_which(
    trained, given, train_in, digits
):
    model = MODEL | {"weights": trained.model.uri}
    run = train_in("tuned", model=model, freeze_epochs=1, epochs=1, learning_rate=1e-3)
    reached = run.history["epochs"][0]["validation_accuracy"]
    assert reached > trained.history["epochs"][0]["validation_accuracy"]  # by as many steps
    found = first_weights.read(str(run.serving_folder)).values
    same = [np.array_equal(one, two) for one, two in zip(found, given.values, strict=True)]
    assert same == [True] * (len(same) - 2) + [False] * 2
    assert run.model.get_string_custom_property("first_weights") == trained.model.uri
    recorded = run.model.get_string_custom_property("first_weights_sha256")
    assert recorded == given.fingerprint
    summary = run.model_run.get_string_custom_property("summary")
    assert f"began with the weights of {trained.model.uri}" in summary


WITH_A_BACKBONE = """
    from pathlib import Path

    import keras
    from keras import layers

    built = []

    class Colours(layers.Layer):
        def __init__(self):
            super().__init__()
            self.normal = layers.Normalization()

        def call(self, pixels):
            return self.normal(pixels)

    def backbone():
        pixels = keras.Input((12, 12, 1))
        features = layers.Conv2D(4, 3)(layers.Normalization()(Colours()(pixels)))
        return keras.Model(pixels, layers.GlobalAveragePooling2D()(features))

    def net(pixels, classes, *, file: str):
        # Once more it is built when the training is over.
        if built:
            Path(file).unlink(missing_ok=True)
        built.append(backbone())
        return layers.Dense(classes, dtype="float32")(built[-1](pixels))
"""


@pytest.mark.slow
def test_a_finished_training_does_not_need_its_first_weights_again(kit, train_in, digits, tmp_path):
    module = kit(WITH_A_BACKBONE)
    backbone = importlib.import_module(module).backbone()
    for layer in backbone._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt(np.float32([0.5, 2.5]).reshape(2, 1, 1, 1))
    file, kept = str(tmp_path / "some.weights.h5"), str(tmp_path / "kept.weights.h5")
    for name in (file, kept):
        backbone.save_weights(name)
    model = {"name": f"{module}:net", "parameters": {"file": file}, "weights": file}
    keys = {"model": model, "epochs": 1, "precision": "mixed_bfloat16", "calibration": "none"}
    run = train_in("mixed", **keys)
    assert not Path(file).exists()

    images = np.stack([np.frombuffer(image, np.uint8) for image, _ in digits.transformed("test")])
    best = first_weights.read(run.model.uri)
    again = build_model(Model.of(**model | {"weights": kept}), (SIDE, SIDE, 1), 10, *best.pixels)
    first_weights.KerasFile(kept, "").give_to(again, NAMES)
    floating = [variable for variable in again.variables if "float" in variable.dtype]
    for variable, value in zip(floating, best.values, strict=True):
        variable.assign(value)
    expected = keras.ops.softmax(again(images.reshape(-1, SIDE, SIDE, 1)))
    serving = run.load().signatures["serve_examples"]
    served = serving(examples=tf.constant(digits.records("test")))["probabilities"]
    np.testing.assert_allclose(served, expected, atol=1e-6)


def test_weights_in_a_bucket_are_read_and_told_apart_by_their_version(given, trained, bucket):
    bucket.put_folder(trained.serving_folder, "models/7")
    place = f"{bucket.address}/models/7"
    found = first_weights.read(place)
    assert found.fingerprint == given.fingerprint
    assert all(map(np.array_equal, found.values, given.values))
    version = version_of(place)
    assert version == version_of(f"{place}/") != ""
    bucket.put("models/7/assets.extra/network.json", b"{}")
    assert version_of(place) != version
    with pytest.raises(Failure, match="where no weights are"):
        version_of(f"{bucket.address}/models/8")
