"""The section `preprocessing`: what the model sees of an image."""

from typing import Annotated, Literal

from pydantic import Field

from settings.section import Section

Side = Annotated[int, Field(ge=8, le=4096)]


class Preprocessing(Section):
    height: Side = Field(description="pixels that the model sees")
    width: Side = Field(description="pixels that the model sees")
    channels: Literal[1, 3] = Field(3, description="1 for grey, 3 for RGB")
    exif_orientation: bool = Field(
        True,
        description="turn photographs as their EXIF orientation says, so that the model sees what "
        "people see; false for masks or labels that were made of the pixels as they are stored",
    )
    resize: Literal["bilinear", "area", "nearest"] = Field(
        "bilinear", description="how images are resized; masks always use nearest"
    )
    aspect: Literal["stretch", "crop", "pad"] = Field(
        "stretch",
        description="stretch ignores the image's proportions, crop cuts the longer side evenly, "
        "pad adds black evenly",
    )
    antialias: bool = Field(
        False,
        description="filter before shrinking: avoids jagged edges and takes four times the work",
    )
    on_corrupt_image: Literal["fail", "drop"] = Field(
        "fail",
        description="what happens to an image that cannot be decoded; drop needs max_dropped",
    )
    max_dropped: Annotated[int, Field(ge=0)] = Field(
        0, description="images that a split may lose before the run fails, with drop"
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a transformed image."""
        return (self.height, self.width, self.channels)

    @property
    def corrupt_allowed(self) -> int:
        """The number of images that a split may lose."""
        return self.max_dropped if self.on_corrupt_image == "drop" else 0
