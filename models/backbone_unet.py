"""A U-Net that sees through an architecture of keras.applications, the encoder."""

from typing import Annotated

from pydantic import Field

from models import _architectures, _backbone, _blocks

TASK = "segmentation"
OWN_PREPROCESSING = True

_LOWEST_STRIDE = 32


def network(
    pixels,
    classes: int,
    *,
    architecture: _architectures.Encoder = "EfficientNetV2B0",
    filters: Annotated[
        int,
        Field(
            gt=0, description="of the decoder at the image's size; each lower level has twice those"
        ),
    ] = 16,
    dropout: Annotated[
        float,
        Field(ge=0, lt=1, description="share of the lowest level's features dropped in training"),
    ] = 0.0,
):
    """Logits (batch, height, width, classes) float32, one vector for each pixel.

    Args:
      pixels: a KerasTensor (batch, height, width, 1 or 3), float32, 0..255; grey becomes colour.

    Raises:
      ValueError: the architecture has no features at a quarter, an eighth or a sixteenth of the
        image's sides.
    """
    from keras import layers

    pixels = _architectures.preprocessed(pixels, architecture)
    edges = [_blocks.missing(side, _LOWEST_STRIDE) for side in pixels.shape[1:3]]
    pixels = layers.ZeroPadding2D(edges)(pixels)
    made = _backbone.prepare(_architectures.built(pixels, architecture, pooling=None))
    encoder, strides = _encoder(made)
    features, *skipped = encoder(pixels)
    levels = dict(zip(strides, skipped, strict=True)) | {1: pixels}
    if dropout:
        features = layers.SpatialDropout2D(dropout)(features)
    stride = pixels.shape[1] // features.shape[1]
    while stride > 1:
        stride //= 2
        count = filters * stride
        features = layers.Conv2DTranspose(count, 2, strides=2)(features)
        if stride in levels:  # Some have none at half the sides.
            features = layers.Concatenate()([levels[stride], features])
        features = _blocks.convolutions(features, count)
    logits = layers.Conv2D(classes, 1, dtype="float32")(features)
    return layers.Cropping2D(edges, dtype="float32")(logits)


def _encoder(made):
    """(a model of the last features and of those that are skipped to, the strides of the latter).

    A level's features are the last ones before the sides are halved.
    """
    import keras

    height, width = made.input.shape[1:3]
    lowest = made.output.shape[1:3]
    last = {}
    for operation in made.operations:
        shape = getattr(operation.output, "shape", ())
        for stride in (2, 4, 8, 16):
            sides = (height // stride, width // stride)
            if len(shape) == 4 and tuple(shape[1:3]) == sides != tuple(lowest):
                last[stride] = operation.output
    if missing := [str(stride) for stride in (4, 8, 16) if stride not in last]:
        raise ValueError(f"{made.name} has no features of stride {', '.join(missing)}.")
    # The whole output first: the layers keep the order in which files of weights have them.
    return keras.Model(made.input, [made.output, *last.values()], name=made.name), list(last)
