from typing import Annotated

import keras
from keras import layers
from pydantic import Field

Width = Annotated[int, Field(ge=1, le=512, description="filters of the convolution")]


class Tiny(keras.Model):
    """One convolution, the mean of its answers, and a classifier."""

    def __init__(self, classes: int, width: Width = 8, stride: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.convolution = layers.Conv2D(width, 5, strides=stride, use_bias=False)
        self.normalisation = layers.BatchNormalization(momentum=0.9)
        self.head = layers.Dense(classes, dtype="float32")

    def call(self, pixels, training=None):
        features = self.convolution(pixels)  # (batch, height', width', width)
        features = self.normalisation(features, training=training)
        return self.head(layers.Flatten()(keras.ops.relu(features)))
