"""The architectures of keras.applications, and the pixels that their published weights expect."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

# Of the three colours, red first, over ImageNet; 0..1.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class Family(NamedTuple):
    """Architectures that take their pixels alike: (pixels - mean) / deviation."""

    names: Sequence[str]
    mean: Sequence[float]  # of red, green and blue, 0..255
    deviation: Sequence[float]
    smallest_side: int = 32  # that keras.applications accept
    halves_exactly: bool = True  # so that a U-Net finds its levels
    blue_first: bool = False  # the weights saw blue, green and red
    optional_preprocessing: bool = False  # of its own, which is switched off


def _numbered(pattern: str, numbers: Sequence) -> list[str]:
    return [pattern.format(number) for number in numbers]


_HALF = (127.5,) * 3  # pixels from -1 to 1
_OF_IMAGENET = {
    "mean": [255 * mean for mean in _IMAGENET_MEAN],
    "deviation": [255 * deviation for deviation in _IMAGENET_DEVIATION],
}
_CAFFE = {"mean": (123.68, 116.779, 103.939), "deviation": (1.0,) * 3, "blue_first": True}
# EfficientNet normalises by statistics among its weights, and with ImageNet's weights only divides
# once more by the root of the deviation: keras.applications.efficientnet, TensorFlow issue 49930.
# Pixels that are moved and divided like this end up the same without that layer.
_ROOTS = [deviation**0.5 for deviation in _IMAGENET_DEVIATION]
_BEFORE_EFFICIENTNET = {
    "mean": [255 * m * (1 - root) for m, root in zip(_IMAGENET_MEAN, _ROOTS, strict=True)],
    "deviation": _ROOTS,
}

FAMILIES = (
    Family(
        _numbered("ConvNeXt{}", ("Tiny", "Small", "Base", "Large", "XLarge")),
        **_OF_IMAGENET,
        optional_preprocessing=True,
    ),
    Family(_numbered("DenseNet{}", (121, 169, 201)), **_OF_IMAGENET),
    Family(_numbered("EfficientNetB{}", range(8)), **_BEFORE_EFFICIENTNET),
    Family(_numbered("EfficientNetV2B{}", range(4)), **_OF_IMAGENET, optional_preprocessing=True),
    Family(
        _numbered("EfficientNetV2{}", "SML"),
        (128.0,) * 3,
        (128.0,) * 3,
        optional_preprocessing=True,
    ),
    Family(("InceptionV3", "InceptionResNetV2"), _HALF, _HALF, 75, halves_exactly=False),
    Family(("MobileNet", "MobileNetV2"), _HALF, _HALF),
    Family(("MobileNetV3Small", "MobileNetV3Large"), _HALF, _HALF, optional_preprocessing=True),
    Family(("NASNetMobile", "NASNetLarge"), _HALF, _HALF, halves_exactly=False),
    Family(_numbered("ResNet{}", (50, 101, 152)), **_CAFFE),
    Family(_numbered("ResNet{}V2", (50, 101, 152)), _HALF, _HALF),
    Family(("VGG16", "VGG19"), **_CAFFE),
    Family(("Xception",), _HALF, _HALF, 71, halves_exactly=False),
)
_BY_NAME = {name: family for family in FAMILIES for name in family.names}
NAMES = tuple(sorted(_BY_NAME))
ENCODERS = tuple(name for name in NAMES if _BY_NAME[name].halves_exactly)


def family_of(architecture: str) -> Family:
    return _BY_NAME[architecture]


Architecture = Annotated[Literal[NAMES], Field(description="of keras.applications")]
Encoder = Annotated[Literal[ENCODERS], Field(description="of keras.applications")]


def preprocessed(pixels, architecture: str):
    """Pixels (batch, height, width, 3) as the architecture's published weights expect them.

    Args:
      pixels: a KerasTensor (batch, height, width, 1 or 3), float32, 0..255, red first.
    """
    from keras import layers

    family = family_of(architecture)
    if pixels.shape[-1] == 1:  # Weights of colour images serve grey ones, too.
        pixels = layers.Concatenate(dtype="float32")([pixels] * 3)
    normalised = layers.Normalization(
        mean=family.mean,
        variance=[deviation**2 for deviation in family.deviation],
        dtype="float32",  # bfloat16 would round the mean.
        name="preprocessing",
    )(pixels)
    if not family.blue_first:
        return normalised
    red, green, blue = (normalised[..., i : i + 1] for i in range(3))
    return layers.Concatenate(dtype="float32")([blue, green, red])


def built(pixels, architecture: str, pooling: str | None):
    """The keras.Model of an architecture, without its classifier and with random weights.

    Args:
      pixels: as `preprocessed` gives them.
      pooling: "avg" for features (batch, features); None for (batch, height, width, features).
    """
    from keras import applications

    switch = {}
    if family_of(architecture).optional_preprocessing:
        switch["include_preprocessing"] = False
    return getattr(applications, architecture)(
        include_top=False, weights=None, input_shape=pixels.shape[1:], pooling=pooling, **switch
    )
