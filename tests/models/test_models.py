"""Models by name: uint8 images in, logits out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

import models
from components.trainer import first_weights
from components.trainer.model import build_model
from failures import Failure
from settings.model import Model, parameters_of


def section(name, **parameters) -> Model:
    return Model.of(name=name, parameters=parameters)


def build(parameters, shape=(32, 32, 3), classes=10, weights=None):
    channels = shape[-1]
    model = section(**parameters)
    first = first_weights.read(weights)
    statistics = [100.0] * channels, [50.0] * channels
    made = build_model(model, shape, classes, *statistics, first_weights=first)
    if first:
        first.give_to(made, [])
    return made


@pytest.fixture
def mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def backbone_of(model) -> keras.Model:
    [backbone] = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    return backbone


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A weights file of a small MobileNet's backbone, and the weights in it."""
    backbone = backbone_of(build({"name": "mobilenet", "alpha": 0.1}))
    file = str(tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5")
    backbone.save_weights(file)
    return file, backbone.get_weights()


@pytest.fixture(scope="module")
def begun(weights):
    """A small MobileNet that begins with them. Tests only read it."""
    return build({"name": "mobilenet", "alpha": 0.1}, weights=weights[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small_cnn", "unet"])
@settings(max_examples=5, deadline=None)
@given(
    height=st.integers(8, 40),
    width=st.integers(8, 40),
    channels=st.sampled_from([1, 3]),
    classes=st.integers(2, 12),
)
def test_every_model_takes_uint8_images_of_any_size_to_logits(
    name, height, width, channels, classes
):
    model = build({"name": name}, (height, width, channels), classes)
    images = np.random.default_rng(0).integers(0, 256, (3, height, width, channels), np.uint8)
    logits = model(tf.constant(images), training=False)
    of_each = (height, width) if models.task_of(name) == "segmentation" else ()
    assert logits.shape == (3, *of_each, classes)
    assert logits.dtype == tf.float32
    assert np.isfinite(logits).all()


def test_pixels_are_normalised_inside_the_model():
    model = build_model(section("small_cnn"), (8, 8, 3), 2, [10.0, 20.0, 30.0], [2.0, 4.0, 5.0])
    normalisation = model.get_layer("normalisation")
    pixels = normalisation(tf.constant([[[[12, 16, 40]]]], tf.uint8))
    np.testing.assert_allclose(pixels.numpy().ravel(), [1.0, -1.0, 2.0])


def test_a_channel_of_one_single_value_gives_no_endless_numbers():
    model = build_model(section("small_cnn"), (8, 8, 1), 2, [7.0], [0.0])
    pixels = model.get_layer("normalisation")(tf.constant([[[[7]], [[255]]]], tf.uint8))
    np.testing.assert_allclose(pixels.numpy().ravel(), [0.0, 248.0])


def test_a_larger_image_makes_no_larger_classifier():
    small, large = (
        build_model(section("small_cnn"), (side, side, 3), 5, [100.0] * 3, [50.0] * 3)
        for side in (32, 256)
    )
    assert small.count_params() == large.count_params()


@pytest.mark.parametrize("side", [8, 19, 38, 43, 56, 60])
def test_at_most_4_by_4_cells_reach_the_classifier_and_all_of_the_image_is_in_them(side):
    model = build({"name": "small_cnn", "filters": [6]}, (side, side, 1))
    cells = model.layers[-1].kernel.shape[0] / 6
    assert cells <= 16
    black = np.zeros([1, side, side, 1], np.uint8)
    for corner in (0, -1):
        white = black.copy()
        white[0, corner, corner] = 255
        assert not np.allclose(model(white), model(black), atol=1e-6)


def test_every_model_declares_its_task_and_its_parameters():
    assert {models.task_of(name) for name in models.NAMES} == {"classification", "segmentation"}
    assert models.task_of("unet") == "segmentation"
    assert list(parameters_of("unet").model_fields) == ["filters", "dropout"]


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{"alpha": 0.35}, {"variant": "v3_small", "alpha": 0.5}])
def test_large_models_take_small_images(parameters):
    model = build({"name": "mobilenet"} | parameters, (12, 40, 1))
    assert model.input_shape == (None, 12, 40, 1)
    assert model.input.dtype == "uint8"
    assert model.output_shape == (None, 10)


@pytest.mark.slow
@pytest.mark.usefixtures("mixed_precision")
@pytest.mark.parametrize("name", models.NAMES)
def test_in_mixed_precision_the_weights_and_the_logits_stay_float32(name):
    model = build({"name": name})
    assert model.output.dtype == "float32"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert any(layer.compute_dtype == "bfloat16" for layer in model.layers)


@pytest.mark.usefixtures("mixed_precision")
def test_in_mixed_precision_pixels_are_normalised_by_the_very_mean_that_is_served():
    model = build_model(section("small_cnn"), (8, 8, 1), 2, [130.6], [4.0])
    pixels = model.get_layer("normalisation")(tf.constant([[[[131]]]], tf.uint8))
    np.testing.assert_allclose(pixels.numpy().ravel(), [0.1], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "optimizer", "rate", "count", "epochs"),
    [
        ({"name": "mobilenet", "alpha": 0.35}, "Adam", 0.003, 16, 6),
        ({"name": "resnet"}, "SGD", 0.03, 8, 4),
    ],
)
def test_large_models_learn_digits(parameters, optimizer, rate, count, epochs):
    digits = load_digits()
    images = np.kron(digits.images[:count], np.ones([4, 4]))[..., None].repeat(3, axis=-1) * 15.9
    keras.utils.set_random_seed(1)
    model = build(parameters)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Tracing the graphs of their steps takes longer than the steps.
    model.compile(getattr(keras.optimizers, optimizer)(rate), loss, run_eagerly=True)
    losses = model.fit(
        images.astype(np.uint8), digits.target[:count], batch_size=16, epochs=epochs, verbose=0
    ).history["loss"]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.slow
def test_the_unet_learns_which_pixels_are_ink():
    images = np.kron(load_digits().images[:64], np.ones([3, 3]))[..., None] * 15.9
    keras.utils.set_random_seed(1)
    model = build({"name": "unet", "filters": [8, 16]}, (24, 24, 1), classes=2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], jit_compile=False)
    masks = (images > 100).astype(int)
    history = model.fit(images.astype(np.uint8), masks, batch_size=16, epochs=5, verbose=0).history
    assert history["accuracy"][-1] > 0.95


@pytest.mark.slow
def test_given_weights_are_what_the_backbone_begins_with(begun, weights):
    for found, wanted in zip(backbone_of(begun).get_weights(), weights[1], strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
def test_a_backbone_with_given_weights_is_evaluated_as_it_is_trained_after_some_steps(weights):
    model = build({"name": "mobilenet", "alpha": 0.1}, weights=weights[0])
    classifier = model.layers[-1].kernel  # which begins at 0
    classifier.assign(np.random.default_rng(1).normal(size=classifier.shape))
    images = np.random.default_rng(0).integers(0, 100, (16, 32, 32, 3), np.uint8)
    train = tf.function(lambda: model(images, training=True))
    for _ in range(150):
        trained = train().numpy()
    evaluated = model(images, training=False).numpy()
    np.testing.assert_allclose(evaluated, trained, atol=0.1 * trained.std())


@pytest.mark.slow
def test_given_weights_see_pixels_from_minus_one_to_one_as_they_were_trained(begun):
    pixels = begun.get_layer("normalisation")(tf.constant([[[[0, 0, 255]]]], tf.uint8))
    np.testing.assert_allclose(pixels.numpy().ravel(), [-1, -1, 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "shape", "message"),
    [
        ({"alpha": 0.35}, (32, 32, 3), r"do not fit .* name=Conv1.*\(3, 3, 3, 8\)"),
        ({"alpha": 0.1}, (32, 32, 1), r"name=Conv1.*\(3, 3, 1, 8\).*\(3, 3, 3, 8\)"),
        ({"variant": "v3_small"}, (32, 32, 3), "do not fit MobileNetV3Small: .* name=conv"),
        ({"alpha": 0.0}, (32, 32, 3), "alpha: given 0.0; allowed: a number, above 0"),
        ({"variant": "v4"}, (32, 32, 3), "variant: given 'v4'; allowed: 'v2', 'v3_small'"),
    ],
)
def test_weights_of_another_model_and_wrong_parameters_are_refused_in_one_line(
    weights, parameters, shape, message
):
    with pytest.raises(Failure, match=message) as refused:
        build({"name": "mobilenet"} | parameters, shape, weights=weights[0])
    assert "\n" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["broken.weights.h5", "broken.h5", "broken.keras", "broken.txt"])
def test_a_file_without_weights_is_refused_in_one_line(tmp_path, name):
    file = tmp_path / name
    for content in (None, "no weights"):
        if content:
            file.write_text(content)
        with pytest.raises(Failure, match="weights") as refused:
            build({"name": "mobilenet", "alpha": 0.1}, weights=str(file))
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"name": "small_cnn", "dropout": 1.0}, "dropout: given 1.0; allowed: a number, 0 or"),
        ({"name": "unet", "dropout": 1}, "dropout: given 1; allowed"),
        ({"name": "mobilenet", "alpha": 0.1, "dropout": 1.0}, "dropout: given 1.0; allowed"),
        ({"name": "small_cnn", "dropout": "0.5"}, "dropout: given '0.5'; allowed: a number"),
        ({"name": "small_cnn", "filters": 16}, "filters: given 16; allowed: a list of a whole"),
        ({"name": "small_cnn", "filters": [8, 0]}, "filters.1: given 0; allowed: a whole"),
        ({"name": "unet", "filters": ["8"]}, "filters.0: given '8'; allowed: a whole number"),
        ({"name": "unet", "filters": []}, "allowed: a list of a whole number, above 0, at least 1"),
        ({"name": "mobilenet", "alpha": float("inf")}, "alpha: given inf; allowed: a number"),
        ({"name": "resnet", "depth": 18}, "depth: given 18; allowed: 50, 101 or 152"),
        ({"name": "resnet", "blocks": 2}, "blocks: unknown key; allowed: depth, dropout"),
        pytest.param(
            {"name": "small_cnn", "filters": [10**6, 10**6]},
            "does not fit into the device's memory",
            marks=pytest.mark.slow,  # TensorFlow waits ten seconds for memory that comes free.
        ),
    ],
    ids=str,
)
def test_a_value_that_a_model_does_not_take_is_refused_in_one_line(parameters, message):
    with pytest.raises(Failure, match=message) as refused:
        build(parameters)
    assert "\n" not in str(refused.value)
