"""A user's own settings of Keras change nothing in a training."""

import keras
import pytest

from components.trainer import devices


@pytest.fixture
def users_settings():
    before = keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format()
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(1e-3)
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_epsilon(before[1])
    keras.config.set_image_data_format(before[2])


@pytest.mark.usefixtures("users_settings")
def test_weights_and_images_are_as_without_them():
    devices.prepare(seed=1, deterministic=False)
    layer = keras.layers.Conv2D(4, 3)
    assert layer(keras.ops.zeros((1, 8, 8, 3))).shape == (1, 6, 6, 4)
    assert layer.kernel.dtype == "float32"
    assert keras.layers.BatchNormalization().epsilon == 1e-3  # the layer's own default
    assert keras.config.epsilon() == 1e-7
