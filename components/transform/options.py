"""What Transform is asked to do: the `preprocessing` property, checked."""

import dataclasses
import json
from collections.abc import Sequence

from components.transform.corrupt_images import DROP, FAIL
from failures import Failure

NO_CLASS = 255  # the class id of pixels that count nowhere

_ALLOWED = {
    "channels": (1, 3),
    "resize": ("bilinear", "area", "nearest"),
    "aspect": ("stretch", "crop", "pad"),
    "on_corrupt_image": (FAIL, DROP),
}


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How raw examples become the model's.

    height, width: size of the transformed images in pixels, at least 1.
    channels: 1 (grey) or 3 (colour).
    resize: how pixels are interpolated.
    aspect: "stretch" ignores the image's proportions; "crop" keeps them and cuts
      the longer side evenly; "pad" keeps them and fills up with black evenly.
    antialias: low-pass filter before shrinking with "bilinear": no jagged edges in
      photographs, for as much work again as decoding them.
    image_feature, label_feature: names in the raw examples.
    mask_feature: name of the encoded masks in the raw examples, which stand in the
      labels' place; None: there are none.
    mask_classes: [name, pixel value in the masks] of each class, in the order of the
      class ids; pixels of other values are of no class.
    on_corrupt_image, max_dropped: "fail" stops at the first corrupt image; "drop"
      leaves such images out, up to `max_dropped` a split.
    """

    height: int
    width: int
    channels: int = 3
    resize: str = "bilinear"
    aspect: str = "stretch"
    antialias: bool = False
    image_feature: str = "image"
    label_feature: str | None = "label"
    mask_feature: str | None = None
    mask_classes: Sequence[tuple[str, int]] = ()
    on_corrupt_image: str = FAIL
    max_dropped: int = 0

    def __post_init__(self):
        for name, allowed in _ALLOWED.items():
            given = getattr(self, name)
            if given not in allowed:
                choices = ", ".join(map(str, allowed))
                raise Failure(f"Transform: preprocessing.{name} is {given!r}. Allowed: {choices}.")
        for name, least in (("height", 1), ("width", 1), ("max_dropped", 0)):
            given = getattr(self, name)
            if not isinstance(given, int) or given < least:
                raise Failure(
                    f"Transform: preprocessing.{name} is {given!r}. "
                    f"Allowed: a whole number of at least {least}."
                )

    @property
    def image_bytes(self) -> int:
        """Size of one transformed image."""
        return self.height * self.width * self.channels

    @property
    def mask_bytes(self) -> int:
        """Size of one transformed mask."""
        return self.height * self.width

    @property
    def target(self) -> str:
        """The transformed feature that stands beside the image: "label" or "mask"."""
        return "label" if self.mask_feature is None else "mask"

    @property
    def target_feature(self) -> str:
        """The raw feature that it comes from."""
        return self.mask_feature or self.label_feature

    @property
    def corrupt_allowed(self) -> int:
        """The number of images that a split may lose."""
        return self.max_dropped if self.on_corrupt_image == DROP else 0


def from_json(text: str) -> Preprocessing:
    """Reads the component's `preprocessing` property.

    Raises:
      Failure: for an unknown key, a missing one or a value out of range.
    """
    given = json.loads(text)
    fields = {field.name: field for field in dataclasses.fields(Preprocessing)}
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise Failure(
            f"Transform: preprocessing has no key {unknown[0]!r}. Allowed: {', '.join(fields)}."
        )
    for name in ("height", "width"):
        if name not in given:
            raise Failure(f"Transform: preprocessing.{name} is missing. Give it in pixels.")
    return Preprocessing(**given)
