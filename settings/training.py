"""How a model is trained: the sections `model`, `augmentation` and `training`."""

import ast
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from components.trainer.models.names import MODEL_NAMES, parameter_names, parameter_types
from settings.section import OneOf, Section
from settings.types_in_words import in_words

Path = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def _as_json(given: Any) -> Any:
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "allowed: text, finite numbers, true, false, null, and lists of these"
        ) from error
    return given


# What a model is told travels to its component as JSON.
ModelParameter = Annotated[Any, AfterValidator(_as_json)]


# By the annotation in the model's file; of what is annotated otherwise the model itself tells.
_TYPES = {
    "bool": bool,
    "float": float,
    "int": int,
    "str": str,
    "str | None": str | None,
    "Sequence[int]": list[Annotated[int, Field(gt=0)]],
}


def mistake_in_parameter(model: str, name: str, value: Any) -> str | None:
    """What is wrong with the type of a model's parameter, or None."""
    annotation = parameter_types(model)[name]
    kind = _TYPES.get(annotation, Any)
    if annotation.startswith("Literal["):
        kind = Literal[tuple(ast.literal_eval(annotation.removeprefix("Literal")))]
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return f"given {value!r}; allowed: {in_words(kind)}"
    return None


class Model(Section):
    name: Annotated[str, AfterValidator(OneOf(MODEL_NAMES))] = Field(
        description="a file of components/trainer/models/"
    )
    parameters: dict[str, ModelParameter] = Field({}, description="the model's own, see its file")

    @model_validator(mode="after")
    def _takes_its_parameters(self):
        allowed = parameter_names(self.name)
        for given in self.parameters:
            if given not in allowed:
                raise ValueError(
                    f"{self.name} has no parameter {given}; allowed: {', '.join(allowed)}"
                )
        for given, value in self.parameters.items():
            mistake = mistake_in_parameter(self.name, given, value)
            if mistake:
                raise ValueError(f"parameters.{given}: {mistake}")
        return self


class Augmentation(Section):
    """Random changes of the training images, on the accelerator; all off by default."""

    flip: Literal["none", "horizontal", "vertical", "both"] = Field(
        "none", description="mirrors half of the images, along each axis that is named"
    )
    crop: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="at most this share of each side is cut off and the rest enlarged"
    )
    rotate: Annotated[float, Field(ge=0, le=180)] = Field(0.0, description="degrees, both ways")
    brightness: Share = Field(0.0, description="at most this share more or less")
    contrast: Share = Field(0.0, description="at most this share more or less")
    saturation: Share = Field(0.0, description="at most this share more or less; RGB alone")
    hue: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0, description="at most this share of a full turn, both ways; RGB alone"
    )
    cutout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="side of a square that is blanked, as a share of the image's sides"
    )


class InputFunction(Section):
    strategy: Literal["auto", "memory", "disk", "streaming"] = Field(
        "auto", description="where decoded images are kept between epochs"
    )
    cache_dir: Path | None = Field(
        None, description="a folder on a local disk for the disk strategy; none: below root"
    )
    memory_limit_mb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="MiB that the memory strategy may take; none: half of what is free"
    )


class InputReport(Section):
    enabled: bool = Field(True, description="measure whether the model waited for data")
    max_wait: Share = Field(
        0.05, description="share of the later epochs' steps that may be spent waiting for data"
    )
    on_wait: Literal["warn", "fail"] = Field("warn", description="what a wait above max_wait does")


class Training(Section):
    batch_size: Annotated[int, Field(ge=1, le=65536)] = Field(64, description="images of one step")
    epochs: Annotated[int, Field(ge=1, le=100_000)] = Field(
        10, description="times through the train split, at most"
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(
        0.001, description="the highest; see schedule"
    )
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="of the learning rate, over all epochs"
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adam", description="what moves the weights")
    early_stopping_patience: Annotated[int, Field(ge=1)] | None = Field(
        None, description="epochs without a better validation loss; none: never stops early"
    )
    checkpoint_every_seconds: Annotated[float, Field(gt=0)] = Field(
        60.0, description="time between two checkpoints, from which a killed training goes on"
    )
    checkpoint_every_steps: Annotated[int, Field(ge=1)] | None = Field(
        None, description="in addition to the time; none: the time alone"
    )
    deterministic: bool = Field(False, description="bit-for-bit repeatable, and slower")
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto", description="of the computation; auto: mixed where the device is faster with it"
    )
    xla: Literal["auto", "on", "off"] = Field(
        "auto", description="compile the step with XLA; auto: on a single GPU"
    )
    steps_per_execution: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="steps that one call of the compiled function does"
    )
    worker_wait_seconds: Annotated[float, Field(gt=0)] = Field(
        600.0, description="for the other workers of TF_CONFIG at the start, at most"
    )
    input: InputFunction = InputFunction()
    input_report: InputReport = InputReport()
