"""The section `data`: where examples come from, and which of their features are read."""

import functools
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from settings.mistakes import InnerMistakes
from settings.section import Form, Section, one_of
from settings.source import Source
from settings.sources import SOURCES

NO_CLASS = 255  # the class id of a mask's pixels that count nowhere
WEIGHT = "sample_weight"  # the feature of an example's weight, where the pipeline writes it

Path = Annotated[str, Field(min_length=1)]


class _ValueOrColour(Form):
    def __call__(self, given: int | str) -> int | str:
        return given if given in range(256) else super().__call__(str(given))


MaskValue = Annotated[
    int | str,
    AfterValidator(
        _ValueOrColour("#[0-9a-f]{6}", 'a whole number, 0 to 255, or a colour such as "#ff8000"')
    ),
]


class Features(Section):
    """Which features of an Example are read, and so which task they make."""

    image_feature: str = Field("image", description="the feature that holds the encoded image")
    label_feature: str = Field(
        "label",
        description="the feature that holds the class; with mask_feature, only exclude_labels "
        "reads it",
    )
    multi_label: bool = Field(
        False,
        description="whether label_feature holds any number of classes, or none; true selects "
        "multi-label classification",
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

    weight_feature: str | None = Field(
        None,
        description="the feature that holds what an example weighs in the loss, a number of 0 or "
        f"more; omit for {WEIGHT} where data.columns.weight is set, else for 1 each",
    )

    @field_validator("mask_feature")
    @classmethod
    def _is_not_the_image(cls, mask, info):
        if mask is not None and mask == info.data.get("image_feature"):
            raise ValueError("allowed: another feature than data.image_feature")
        return mask

    @field_validator("mask_feature")
    @classmethod
    def _replaces_labels(cls, mask, info):
        if mask is not None and info.data.get("multi_label"):
            raise ValueError("allowed: only without data.multi_label")
        return mask

    @field_validator("mask_classes")
    @classmethod
    def _fit_the_masks(cls, classes, info):
        if "mask_feature" not in info.data:
            return classes  # its own mistake is reported
        if info.data["mask_feature"] is None:
            if classes:
                raise ValueError("allowed: only with data.mask_feature")
        elif not 2 <= len(classes) <= NO_CLASS:
            raise ValueError("allowed: 2 to 255 classes such as background: 0")
        elif any(name.splitlines() != [name] for name in classes):
            raise ValueError("allowed: a name of one line for each class")
        elif len(set(classes.values())) < len(classes):
            raise ValueError("allowed: a pixel value of its own for each class")
        elif len(set(map(type, classes.values()))) > 1:
            raise ValueError("allowed: pixel values or colours, not both")
        return classes

    @field_validator("weight_feature")
    @classmethod
    def _is_of_its_own(cls, weight, info):
        others = ("image_feature", "label_feature", "mask_feature")
        if weight is not None and weight in (info.data.get(key) for key in others):
            raise ValueError("allowed: another feature than those of image, label and mask")
        return weight

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
    def task(self) -> Literal["classification", "multi_label", "segmentation"]:
        if self.mask_feature is not None:
            return "segmentation"
        return "multi_label" if self.multi_label else "classification"

    @property
    def network_task(self) -> Literal["classification", "segmentation"]:
        """The `TASK` of the networks that fit: they answer for whole images, or for pixels."""
        return "classification" if self.mask_feature is None else "segmentation"

    @property
    def target(self) -> Literal["label", "labels", "mask"]:
        """The feature of a transformed Example that stands beside the image."""
        return {"classification": "label", "multi_label": "labels", "segmentation": "mask"}[
            self.task
        ]

    @property
    def weight(self) -> str | None:
        """The feature of a transformed Example that holds what it weighs, if there is one."""
        return WEIGHT if self.weight_feature else None

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
        """The feature of a raw Example that holds the class or classes, if it is read."""
        return self.label_feature if self.mask_feature is None else None


class Data(Features):
    """Everything that is said about the examples; its source adds the keys of its own."""

    source: one_of(SOURCES) = Field("tfds", description="what the examples are read from")
    schema_file: Path | None = Field(
        None,
        alias="schema",
        description="a curated schema; omit to infer one from the train split",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _has_the_keys_of_its_source(cls, given, handler) -> Self:
        if cls is not Data or not isinstance(given, dict):
            return handler(given)
        source = given.get("source", cls.model_fields["source"].default)
        if "source" not in given and SOURCES[source].RUN_KEY not in given:
            for key in (other.RUN_KEY for other in SOURCES.values()):
                if key in given:
                    names = [name for name, other in SOURCES.items() if key in other.model_fields]
                    raise ValueError(f"allowed: {key} with source: {' or '.join(names)}")
        if source not in list(SOURCES):
            return handler({"source": source})
        kind = data_from(source)
        try:
            return kind.model_validate(given)
        except ValidationError as error:
            raise InnerMistakes(kind, error) from None

    @model_validator(mode="after")
    def _labels_fit_the_source(self) -> Self:
        mistake = type(self) is not Data and self.source_keys.mistake_in_labels(self.multi_label)
        if mistake:
            raise ValueError(mistake)
        return self

    @model_validator(mode="after")
    def _weights_are_in_the_examples(self) -> Self:
        given = self.weight_feature
        if given is None or type(self) is Data or self.source_keys.ANY_WEIGHT:
            return self
        if given != WEIGHT or not self.source_keys.weighs:
            raise ValueError(
                f"weight_feature {given!r} is in no example of source: {self.source}; allowed: "
                "left out; data.columns.weight names the column of a manifest's or table's weights"
            )
        return self

    @property
    def source_keys(self) -> Source:
        """The section of the source alone, which its ExampleGen takes."""
        return self.part(SOURCES[self.source])

    @property
    def features(self) -> Features:
        features = self.part(Features)
        if features.weight_feature is None and self.source_keys.weighs:
            return features.model_copy(update={"weight_feature": WEIGHT})
        return features


@functools.cache
def data_from(source: str) -> type[Data]:
    """The section `data` with the keys of this source."""
    return create_model(f"DataFrom{source.title()}", __base__=(Data, SOURCES[source]))
