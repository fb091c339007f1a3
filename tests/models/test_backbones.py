"""Architectures of keras.applications by name, with the pixels that their weights expect."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import applications

from components.trainer import stages
from components.trainer.first_weights import FirstWeights, KerasFile
from components.trainer.model import build_model
from components.trainer.stages import backbone
from failures import Failure
from models import _architectures
from settings.model import Model

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.float32)
SMALL = "MobileNetV3Small"


def build(name, architecture, shape=(32, 32, 3), **keys):
    section = Model.of(name=name, parameters={"architecture": architecture})
    return build_model(section, shape, 3, [9.0] * shape[-1], [3.0] * shape[-1], **keys)


def preprocessed(pixels, architecture):
    given = keras.Input(pixels.shape[1:])
    made = _architectures.preprocessed(given, architecture)
    return keras.Model(given, made)(pixels).numpy()


def test_every_architecture_of_keras_applications_is_there():
    made = {name for name, one in vars(applications).items() if inspect.isfunction(one)}
    assert set(_architectures.NAMES) == made


@pytest.mark.parametrize(
    ("architecture", "module"),
    [
        ("ResNet50", applications.resnet),
        ("VGG16", applications.vgg16),
        ("DenseNet121", applications.densenet),
        ("ResNet50V2", applications.resnet_v2),
        ("MobileNetV2", applications.mobilenet_v2),
        ("NASNetMobile", applications.nasnet),
        ("Xception", applications.xception),
        ("InceptionV3", applications.inception_v3),
        # These have ImageNet's statistics in a layer of their own, as DenseNet in its function.
        ("ConvNeXtTiny", applications.densenet),
        ("EfficientNetV2B0", applications.densenet),
    ],
)
def test_pixels_are_preprocessed_as_the_published_weights_want_them(architecture, module):
    wanted = module.preprocess_input(PIXELS.copy())
    np.testing.assert_allclose(preprocessed(PIXELS, architecture), wanted, atol=1e-4)


@pytest.mark.slow
def test_a_model_that_could_preprocess_by_itself_answers_alike():
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    own = applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    model = build("backbone", SMALL)
    # The same layers: those of its preprocessing have no weights.
    backbone(model).set_weights(own.get_weights())
    features = keras.Model(model.input, model.layers[-1].input)
    wanted = own(images.astype(np.float32), training=False)
    np.testing.assert_allclose(features(images, training=False), wanted, atol=1e-3)


def test_efficientnets_own_statistics_come_out_as_those_of_imagenet():
    # Its weights hold ImageNet's means, and its deviations in the place of variances.
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    into = preprocessed(PIXELS, "EfficientNetB0")
    inside = (into / 255 - mean) / np.sqrt(deviation)
    np.testing.assert_allclose(inside, (PIXELS / 255 - mean) / deviation, atol=1e-4)


def test_grey_images_become_colour():
    grey = PIXELS[..., :1]
    wanted = preprocessed(np.repeat(grey, 3, axis=-1), "VGG16")
    np.testing.assert_array_equal(preprocessed(grey, "VGG16"), wanted)


@pytest.fixture(scope="module")
def classifier():
    return build("backbone", SMALL, (20, 40, 1))


@pytest.fixture(scope="module")
def segmenter():
    return build("backbone_unet", SMALL, (20, 40, 1))


@pytest.mark.slow
def test_a_backbone_classifies_and_a_u_net_over_it_segments(classifier, segmenter):
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (2, 20, 40, 1), np.uint8))
    assert classifier(images, training=False).shape == (2, 3)
    logits = segmenter(images, training=False)
    assert (logits.shape, logits.dtype) == ((2, 20, 40, 3), tf.float32)
    assert len(backbone(segmenter).outputs) == 5  # the last features, and strides 2 to 16


@pytest.mark.slow
def test_a_file_of_keras_weights_is_what_both_begin_with(classifier, segmenter, tmp_path):
    file = str(tmp_path / "some.weights.h5")
    published = applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(64, 64, 3), include_preprocessing=True
    )
    published.save_weights(file)
    for model in (classifier, segmenter):
        KerasFile(file, "").give_to(model, [])
        for found, wanted in zip(
            backbone(model).get_weights(), published.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
def test_a_u_net_begins_with_the_backbone_of_a_classifier(classifier, segmenter):
    values = [v.numpy() + 1 for v in classifier.variables if "float" in v.dtype]
    given = FirstWeights("somewhere", "", "backbone", ["a"], ([0.0], [1.0]), values)
    given.give_to(segmenter, ["b"])
    found = [v.numpy() for v in backbone(segmenter).variables if "float" in v.dtype]
    assert all(map(np.array_equal, found, values))
    assert not any(stages.last_with_weights(segmenter).kernel.numpy().ravel())


def test_an_architecture_that_is_none_or_that_no_u_net_can_use_is_refused_in_one_line():
    for name, architecture in (("backbone", "ResNet18"), ("backbone_unet", "Xception")):
        with pytest.raises(Failure, match=f"architecture: given '{architecture}'; allowed: 'Conv"):
            build(name, architecture)
