"""The section `data`: where examples come from, and which of their features are read."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from settings.folders import folder
from settings.plain_paths import PLAIN
from settings.section import Form, Section, matching

NO_CLASS = 255  # the class id of a mask's pixels that count nowhere

Dataset = matching(
    r"[a-z]\w*(/[\w.-]+)?(:(\d+|\*)(\.(\d+|\*)){2})?", "TFDS name[/config][:version]"
)
Path = Annotated[str, Field(min_length=1)]
DataFolder = folder(rf"(\w+://|~/)?{PLAIN}", "a folder or an address")


class _ValueOrColour(Form):
    def __call__(self, given: int | str) -> int | str:
        return given if given in range(256) else super().__call__(str(given))


MaskValue = Annotated[
    int | str,
    AfterValidator(
        _ValueOrColour("#[0-9a-f]{6}", 'a whole number, 0 to 255, or a colour such as "#ff8000"')
    ),
]


class Splits(Section):
    """TFDS split expressions: https://www.tensorflow.org/datasets/splits."""

    train: str = Field(description="examples to train on")
    validation: str | None = Field(
        None, description="examples that choose the best epoch; omit to train without them"
    )
    test: str = Field(description="examples that the Evaluator measures on")

    def by_role(self) -> dict[str, str]:
        return {role: expression for role, expression in self if expression is not None}


class TfdsSource(Section):
    """A dataset of TensorFlow Datasets."""

    dataset: Dataset = Field(description="the TFDS dataset; without a version, the newest one")
    splits: Splits
    data_dir: DataFolder | None = Field(
        None, description="the folder of prepared TFDS datasets; omit for TFDS's own"
    )
    exclude_labels: list[str] = Field(
        [], description="classes of label_feature whose examples are left out of every split"
    )
    download: bool = Field(False, description="let TFDS download and prepare a missing dataset")


class Features(Section):
    """Which features of an Example are read, and so which task they make."""

    image_feature: str = Field("image", description="the feature that holds the encoded image")
    label_feature: str = Field(
        "label", description="the feature that holds the class; not read when mask_feature is set"
    )
    mask_feature: str | None = Field(
        None, description="the feature that holds the mask; setting it selects segmentation"
    )
    mask_classes: dict[str, MaskValue] = Field(
        {},
        description="each class and its pixel value or colour in the masks, in the order of the "
        "class ids",
        validate_default=True,
    )

    @field_validator("mask_feature")
    @classmethod
    def _is_not_the_image(cls, mask, info):
        if mask is not None and mask == info.data.get("image_feature"):
            raise ValueError("allowed: another feature than data.image_feature")
        return mask

    @field_validator("mask_classes")
    @classmethod
    def _fit_the_masks(cls, classes, info):
        if "mask_feature" not in info.data:
            return classes  # its own mistake is reported
        if info.data["mask_feature"] is None:
            if classes:
                raise ValueError("allowed: only beside data.mask_feature")
        elif not 2 <= len(classes) <= NO_CLASS:
            raise ValueError("allowed: 2 to 255 classes such as background: 0")
        elif any(name.splitlines() != [name] for name in classes):
            raise ValueError("allowed: a name of one line for each class")
        elif len(set(classes.values())) < len(classes):
            raise ValueError("allowed: a pixel value of its own for each class")
        elif len(set(map(type, classes.values()))) > 1:
            raise ValueError("allowed: pixel values or colours, not both")
        return classes

    @property
    def mask_values(self) -> list[int]:
        """The pixel value of each class in a mask as `decode_mask` gives it."""
        values = list(self.mask_classes.values())
        return list(range(len(values))) if self.mask_colours else values

    @property
    def mask_colours(self) -> list[int]:
        """Each class's red * 65536 + green * 256 + blue; none where masks hold values."""
        return [int(v[1:], 16) for v in self.mask_classes.values() if isinstance(v, str)]

    @property
    def task(self) -> Literal["classification", "segmentation"]:
        return "classification" if self.mask_feature is None else "segmentation"

    @property
    def target(self) -> Literal["label", "mask"]:
        """The feature of a transformed Example that stands beside the image."""
        return "label" if self.mask_feature is None else "mask"

    @property
    def target_feature(self) -> str:
        """The feature of a raw Example that the target comes from."""
        return self.mask_feature or self.label_feature

    @property
    def pictures(self) -> list[str]:
        """The features of a raw Example that hold encoded pictures."""
        return [self.image_feature, *filter(None, [self.mask_feature])]

    @property
    def label(self) -> str | None:
        """The feature of a raw Example that holds the class, if it is read."""
        return self.label_feature if self.mask_feature is None else None


class Data(Features, TfdsSource):
    """Everything that is said about the examples."""

    schema_file: Path | None = Field(
        None,
        alias="schema",
        description="a curated schema; omit to infer one from the train split",
    )

    @property
    def source(self) -> TfdsSource:
        return self.part(TfdsSource)

    @property
    def features(self) -> Features:
        return self.part(Features)
