"""The sections `model`, `augmentation` and `training`: what decides how a model is trained."""

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, create_model, field_validator

import augmentations
import models
from settings.data import Data
from settings.folders import folder
from settings.mistakes import InnerMistakes
from settings.plain_paths import PLAIN
from settings.section import Form, Section, one_of

CacheFolder = folder(PLAIN, "a folder")
Share = Annotated[float, Field(ge=0, le=1)]
# Marks a key that may change between a kill and the resumed training: the checkpoint stays valid.
KEEPS_CHECKPOINT = {"keeps_checkpoint": True}


def keyword_parameters(function: Callable) -> dict[str, tuple[Any, Any]]:
    """The annotation and the default of each keyword-only parameter, by name."""
    return {
        parameter.name: (parameter.annotation, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def section_of(name: str, functions: Iterable[Callable]) -> type[Section]:
    """A section whose keys are the keyword parameters of these functions."""
    keys = {}
    for function in functions:
        keys |= keyword_parameters(function)
    return create_model(name, __base__=Section, **keys)


@functools.cache
def parameters_of(model: str) -> type[Section]:
    """The section of what `model.parameters` may hold for the model of this name."""
    return section_of(model, [models.load(model).network])


class Model(Section):
    name: one_of(models.NAMES) = Field(description="the network, a file of models/")
    parameters: dict[str, Any] = Field({}, description="the network's own keys, listed below")

    @field_validator("parameters")
    @classmethod
    def _fit_the_model(cls, parameters, info):
        if "name" in info.data:  # Otherwise the name is reported.
            kind = parameters_of(info.data["name"])
            try:
                kind.model_validate(parameters)
            except ValidationError as error:
                raise InnerMistakes(kind, error) from None
        return parameters


_CHANGES = [f for name in augmentations.NAMES for f in augmentations.functions_of(name).values()]


class Augmentation(section_of("AugmentationKeys", _CHANGES)):
    """Random changes of the training images, on the accelerator; all are off by default."""

    @staticmethod
    def keys_of(name: str) -> list[str]:
        """The keys that the augmentation `name`, a file of augmentations/, declares."""
        functions = augmentations.functions_of(name).values()
        return list(dict.fromkeys(key for f in functions for key in keyword_parameters(f)))

    def given_to(self, function: Callable) -> dict[str, Any]:
        """The values of the keys that a function of an augmentation takes."""
        return {key: getattr(self, key) for key in keyword_parameters(function)}

    @property
    def active(self) -> list[str]:
        """The augmentations that change something, in the order in which they take part."""
        defaults = {key: field.default for key, field in type(self).model_fields.items()}
        return [
            name
            for name in augmentations.NAMES
            if any(getattr(self, key) != defaults[key] for key in self.keys_of(name))
        ]

    @property
    def needing_colour(self) -> list[str]:
        """Those of `active` that can change RGB images only."""
        return [name for name in self.active if needs_colour(name)]


def needs_colour(name: str) -> bool:
    """Whether the augmentation `name` can change RGB images only."""
    return getattr(augmentations.load(name), "NEEDS_COLOUR", False)


class InputFunction(Section):
    strategy: Literal["auto", "memory", "disk", "streaming"] = Field(
        "auto",
        description="where decoded images are kept between epochs; auto chooses what is predicted "
        "to train quickest",
    )
    cache_dir: CacheFolder | None = Field(
        None, description="a folder on a local disk for the disk strategy; omit for one below root"
    )
    memory_limit_mb: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="MiB that the memory strategy may use; omit for half of the free memory",
    )
    probe_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        5.0,
        description="about how many seconds strategy auto measures before it chooses; images that "
        "decode to less than 16 MiB for each of them need no measuring; 0 goes by their size alone",
    )


class InputReport(Section):
    enabled: bool = Field(True, description="measure whether the model waited for data")
    max_wait: Share = Field(
        0.05, description="share of the later epochs' steps that may be spent waiting for data"
    )
    on_wait: Literal["warn", "fail"] = Field(
        "warn", description="what happens when the wait exceeds max_wait"
    )


class _ClassWeights(Form):
    def __init__(self):
        self.words = "balanced, or class names, each with a number of 0 or more"

    def __call__(self, given: Any) -> Any:
        if given is None or given == "balanced":
            return given
        if isinstance(given, dict) and given and all(map(self._allowed, given.values())):
            return {str(name): float(weight) for name, weight in given.items()}
        raise ValueError(f"allowed: {self.words}")

    @staticmethod
    def _allowed(weight: Any) -> bool:
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        return number and 0 <= weight < math.inf


class Training(Section):
    batch_size: Annotated[int, Field(ge=1, le=65536)] = Field(
        64, description="images a step, over all devices"
    )
    epochs: Annotated[int, Field(ge=1, le=100_000)] = Field(
        10, description="passes over the train split; early stopping may end sooner"
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(
        0.001, description="the highest learning rate; see schedule"
    )
    schedule: Literal["cosine", "one_cycle", "step", "constant"] = Field(
        "cosine",
        description="cosine warms up over the first epoch and decays to 0 at the last one, "
        "one_cycle rises for three tenths of all steps and decays to 0, step falls to a tenth "
        "after half of the epochs and again after three quarters, constant stays at learning_rate",
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field(
        "adam", description="sgd uses Nesterov momentum 0.9"
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        description="share of a weight, times the learning rate, that each step takes from it; "
        "biases and normalisation are left out; omit for 0.004 with adamw, else 0",
    )
    gradient_clip_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="the longest that all gradients together may be; omit for no limit"
    )
    loss: Literal["cross_entropy", "focal"] = Field(
        "cross_entropy",
        description="what is minimised; focal counts less what the model already gets right",
    )
    focal_gamma: Annotated[float, Field(gt=0, le=10)] = Field(
        2.0, description="how much less: the loss times (1 - probability of the class)^gamma"
    )
    sampling: Literal["shuffled", "balanced"] = Field(
        "shuffled",
        description="shuffled takes every example once an epoch; balanced as many of each class, "
        "each example of a rare class many times, from memory or disk",
    )
    class_weights: Annotated[Any, AfterValidator(_ClassWeights())] = Field(
        None,
        description="what each class weighs in the training loss: balanced makes all weigh the "
        "same, a class that is not named weighs 1, and 0 leaves a class out; omit for 1 each",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="share of each label that goes to all classes alike, in training alone",
    )
    early_stopping_patience: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="stop after so many epochs without a better validation loss; omit to disable",
    )
    checkpoint_every_seconds: Annotated[float, Field(gt=0)] = Field(
        60.0,
        description="time between checkpoints, and so the work that a kill may cost",
        json_schema_extra=KEEPS_CHECKPOINT,
    )
    checkpoint_every_steps: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="steps between checkpoints, in addition to the time; omit to go by time only",
        json_schema_extra=KEEPS_CHECKPOINT,
    )
    deterministic: bool = Field(False, description="bit-for-bit repeatable, and slower")
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto", description="precision of the computation; auto mixes where the device gains by it"
    )
    xla: Literal["auto", "on", "off"] = Field(
        "auto",
        description="compile the step with XLA; auto does so on a single GPU; with several "
        "devices, on normalises each device's part of a batch by itself",
    )
    steps_per_execution: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="steps that one call of the compiled function takes"
    )
    worker_wait_seconds: Annotated[float, Field(gt=0)] = Field(
        600.0,
        description="the longest wait for the other workers of TF_CONFIG at the start",
        json_schema_extra=KEEPS_CHECKPOINT,
    )
    input: InputFunction = Field(InputFunction(), json_schema_extra=KEEPS_CHECKPOINT)
    input_report: InputReport = Field(InputReport(), json_schema_extra=KEEPS_CHECKPOINT)

    @field_validator("class_weights")
    @classmethod
    def _weighs_classes_once(cls, weights, info):
        if weights == "balanced" and info.data.get("sampling") == "balanced":
            raise ValueError("allowed: balanced here or in training.sampling, not in both")
        return weights

    def mistakes_for(self, data: Data) -> Iterator[tuple[str, str]]:
        """(key, what is wrong with it) of what does not fit the examples."""
        if data.task == "segmentation":
            if self.sampling == "balanced":
                yield "sampling", "balanced needs classification; allowed: shuffled"
            if isinstance(self.class_weights, dict):
                for name in self.class_weights:
                    if name not in data.mask_classes:
                        allowed = ", ".join(data.mask_classes)
                        yield "class_weights", f"{name} is no class; allowed: {allowed}"

    def of_a_checkpoint(self) -> dict[str, Any]:
        """The keys and values that a checkpoint belongs to."""
        return {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if field.json_schema_extra != KEEPS_CHECKPOINT
        }


class Recipe(Section):
    """What decides how a model is trained: Trainer follows it, and Tuner varies it."""

    model: Model
    augmentation: Augmentation = Augmentation()
    training: Training = Training()
