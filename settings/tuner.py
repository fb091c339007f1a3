"""The section `tuner`: which values are tried, and how they are compared."""

import json
import math
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from components.trainer.models.names import parameter_names
from settings.section import Section
from settings.training import (
    Augmentation,
    ModelParameter,
    Training,
    mistake_in_parameter,
)
from settings.types_in_words import in_words

_OF_TRAINING = ("batch_size", "early_stopping_patience", "learning_rate", "optimizer", "schedule")
_OF_COLOUR = ("hue", "saturation")


class Tried(Section):
    """Either a range, of whole numbers where the key takes nothing else, or choices."""

    min: int | float | None = Field(None, description="the least of a range")
    max: int | float | None = Field(None, description="the most of a range")
    log: bool = Field(False, description="as many values below the geometric mean as above")
    choices: Annotated[list[ModelParameter], Field(min_length=1)] | None = Field(
        None, description="values to choose from, instead of a range"
    )

    @model_validator(mode="after")
    def _is_a_range_or_choices(self):
        if self.choices is not None:
            if self.min is not None or self.max is not None or self.log:
                raise ValueError("allowed: choices alone, or min and max")
            told = [json.dumps(choice) for choice in self.choices]
            for choice, text in zip(self.choices, told, strict=True):
                if told.count(text) > 1:
                    raise ValueError(f"choices has {choice!r} twice")
            return self
        if self.min is None or self.max is None:
            raise ValueError("allowed: min and max, or choices")
        for name, end in (("min", self.min), ("max", self.max)):
            if not math.isfinite(end):
                raise ValueError(f"{name} {end} is no finite number")
        if self.min >= self.max:
            raise ValueError(f"min {self.min} must be below max {self.max}")
        if self.log and self.min <= 0:
            raise ValueError(f"min {self.min} must be above 0 where log is true")
        return self

    @property
    def examples(self) -> list:
        """Values that are allowed if, and only if, all are."""
        return self.choices if self.choices is not None else [self.min, self.max]


class Tuner(Section):
    trials: Annotated[int, Field(ge=1, le=10_000)] = Field(description="trainings at most")
    epochs: Annotated[int, Field(ge=1, le=100_000)] = Field(description="of each training")
    objective: Literal["validation_loss", "validation_accuracy", "validation_mean_iou"] = Field(
        "validation_loss", description="what trials are compared by"
    )
    algorithm: Literal["random", "bayesian", "hyperband"] = Field(
        "bayesian", description="how the next values are chosen"
    )
    search_space: Annotated[dict[str, Tried], Field(min_length=1)] = Field(
        description="by configuration key: {min, max, log} or {choices: [...]}"
    )


def mistake_in(tuner: Tuner, data, preprocessing, model) -> str | None:
    """What is wrong with the section beside the others, or None."""
    if data.splits.validation is None:
        return "it compares trials by data.splits.validation, which is missing"
    if tuner.objective == "validation_mean_iou" and data.task != "segmentation":
        return (
            "objective validation_mean_iou is of segmentation; "
            "allowed: validation_loss, validation_accuracy"
        )
    for key, tried in tuner.search_space.items():
        mistake = _mistake_in_key(key, tried, preprocessing, model)
        if mistake:
            return f"search_space {key}: {mistake}"
    return None


def _mistake_in_key(key, tried, preprocessing, model):
    section, _, name = key.rpartition(".")
    allowed = {
        "training": _OF_TRAINING,
        "model.parameters": parameter_names(model.name),
        "augmentation": [
            name
            for name in Augmentation.model_fields
            if preprocessing.channels == 3 or name not in _OF_COLOUR
        ],
    }
    if name not in allowed.get(section, ()):
        known = [f"{place}.{known}" for place, names in allowed.items() for known in names]
        return f"unknown key; allowed: {', '.join(known)}"
    if section == "model.parameters":
        told = (mistake_in_parameter(model.name, name, value) for value in tried.examples)
        return next(filter(None, told), None)
    checked_by = {"training": Training, "augmentation": Augmentation}[section]
    for value in tried.examples:
        try:
            checked_by.model_validate({name: value})
        except ValidationError:
            field = checked_by.model_fields[name]
            return f"given {value!r}; allowed: {in_words(field.annotation, field.metadata)}"
    return None
