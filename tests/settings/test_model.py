"""A network's parameters and first weights are checked before anything runs."""

import pytest

from settings.reading import load
from tests.settings.digits_mistakes import DIGITS, TUNER, mistakes


@pytest.mark.parametrize("value", ["2026-01-01", ".nan", "[0.1, .inf]"])
def test_a_models_parameter_that_is_not_a_number_is_refused_in_one_line(value):
    [line] = mistakes(DIGITS, f"model.parameters={{dropout: {value}}}")
    assert line.startswith("--set: model.parameters.dropout: given ")
    assert line.endswith("allowed: a number, 0 or more, below 1")


@pytest.mark.parametrize(
    ("model", "parameters", "expected"),
    [
        ("small_cnn", "{filters: 16}", "filters: given 16; allowed: a list of a whole number"),
        ("small_cnn", "{filters: [8, 0]}", "filters.1: given 0; allowed: a whole number, above 0"),
        ("small_cnn", "{dropout: '0.5'}", "dropout: given '0.5'; allowed: a number"),
        ("mobilenet", "{variant: v4}", "variant: given 'v4'; allowed: 'v2', 'v3_small' or"),
        ("mobilenet", "{alfa: 1.0}", "alfa: unknown key; did you mean alpha?"),
        ("mobilenet", "{alpha: .inf}", "alpha: given inf; allowed: a number, above 0"),
        (
            "unet",
            "{filters: []}",
            "filters: given []; allowed: a list of a whole number, above 0, at",
        ),
        ("mobilenet", "{alpha: null}", "alpha: given null; allowed: a number"),
        ("resnet", "{depth: 18}", "depth: given 18; allowed: 50, 101 or 152"),
    ],
)
def test_a_models_parameter_of_another_type_is_reported_before_anything_runs(
    model, parameters, expected
):
    [line] = mistakes(DIGITS, f"model={{name: {model}, parameters: {parameters}}}")
    assert line.startswith(f"--set: model.parameters.{expected}")


def test_a_models_parameters_of_their_types_are_read():
    parameters = "{variant: v3_large, alpha: 1, dropout: 0.2}"
    model = load(DIGITS, [f"model={{name: mobilenet, parameters: {parameters}}}"]).model
    assert model.parameters["alpha"] == 1


def test_weights_that_are_not_there_are_refused_before_anything_runs():
    for place in ("nowhere.weights.h5", "configs", "README.md"):
        [line] = mistakes(DIGITS, f"model.weights={place}")
        assert f"--set: model.weights: given '{place}', where no weights are; allowed: a" in line
    # What is in a bucket is asked for when the run begins.
    assert load(DIGITS, ["model.weights=s3://models/digits/7"]).model.weights


def test_a_file_of_a_backbones_weights_is_refused_for_a_network_that_has_none(tmp_path):
    file = tmp_path / "backbone.weights.h5"
    file.touch()
    for place in (str(file), "s3://models/backbone.keras"):
        [line] = mistakes(DIGITS, f"model.weights={place}")
        assert f"given '{place}', a file of Keras weights, which are those of a backbone" in line
        assert line.endswith("or model.name backbone, backbone_unet, mobilenet, resnet")
        assert load(DIGITS, [f"model={{name: backbone, weights: '{place}'}}"]).model.weights


def test_weights_of_other_networks_and_colours_are_refused_before_anything_runs(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    (tmp_path / "assets.extra").mkdir()
    beside = tmp_path / "assets.extra" / "network.json"
    given = f"model.weights={tmp_path}"
    beside.write_text('{"network": "resnet", "pixel_mean": [1, 2, 3]}')
    [line] = mistakes(DIGITS, given)
    assert "whose weights were trained with preprocessing.channels 3; given 1 here" in line
    [line] = mistakes(DIGITS, given, "preprocessing.channels=3")
    assert "whose weights are those of resnet; allowed: those of small_cnn" in line
    assert load(DIGITS, [given, "preprocessing.channels=3", "model.name=mobilenet"])
    for content in ('{"network": "small_cnn", "pixel_mean": [1]}', "[]", "no JSON"):
        beside.write_text(content)
        assert load(DIGITS, [given]).model.weights


def test_layers_are_frozen_only_where_the_training_begins_with_given_weights():
    weights = "model.weights=s3://models/digits/7"
    for key, by in (("recipe=fine_tune", " (of recipe fine_tune)"), ("freeze_epochs=1", "")):
        [line] = mistakes(DIGITS, f"training.{key}")
        assert f"training.freeze_epochs: given 1{by}, and model.weights is missing" in line
        assert load(DIGITS, [f"training.{key}", weights]).training.freeze_epochs == 1
    tried = "tuner.search_space={model.weights: {choices: [null, 's3://models/digits/7']}}"
    assert load(DIGITS, ["training.recipe=fine_tune", *TUNER, tried])
    [line] = mistakes(DIGITS, "training.freeze_to=conv2d")
    assert "freeze_to: given 'conv2d'; allowed with training.freeze_epochs above 0" in line
