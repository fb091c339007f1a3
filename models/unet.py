"""A U-Net, which classifies every pixel (Ronneberger and others, 2015, arXiv:1505.04597)."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from models import _blocks

TASK = "segmentation"


def network(
    pixels,
    classes: int,
    *,
    filters: Annotated[
        Sequence[Annotated[int, Field(gt=0)]],
        Field(
            min_length=1,
            description="filters of each level, from the full size down; every level below the "
            "first halves the sides",
        ),
    ] = (32, 64, 128, 256),
    dropout: Annotated[
        float,
        Field(ge=0, lt=1, description="share of the lowest level's features dropped in training"),
    ] = 0.0,
):
    """Logits (batch, height, width, classes) float32, one vector for each pixel.

    Args:
      pixels: a KerasTensor (batch, height, width, channels), float, of about zero mean and
        unit variance.
    """
    from keras import layers

    height, width = pixels.shape[1:3]
    *upper, lowest = filters
    edges = [_blocks.missing(side, 2 ** len(upper)) for side in (height, width)]
    # Every level must halve evenly; 0 is the mean of normalised pixels.
    features = layers.ZeroPadding2D(edges)(pixels)
    skipped = []
    for count in upper:
        features = _blocks.convolutions(features, count)
        skipped.append(features)
        features = layers.MaxPooling2D(2)(features)
    features = _blocks.convolutions(features, lowest)
    if dropout:
        features = layers.SpatialDropout2D(dropout)(features)
    for count, level in zip(reversed(upper), reversed(skipped), strict=True):
        features = layers.Conv2DTranspose(count, 2, strides=2)(features)
        features = _blocks.convolutions(layers.Concatenate()([level, features]), count)
    logits = layers.Conv2D(classes, 1, dtype="float32")(features)
    return layers.Cropping2D(edges, dtype="float32")(logits)
