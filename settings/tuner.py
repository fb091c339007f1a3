"""The section `tuner`: which values are tried, and how they are compared."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

import augmentations
from failures import Failure, did_you_mean
from files.strict_json import text_of
from settings.augmentation import Augmentation, needs_colour
from settings.data import Data
from settings.model import parameters_of
from settings.own_code import declaration, is_own, split
from settings.preprocessing import Preprocessing
from settings.replace import replaced
from settings.section import Section
from settings.training import Recipe
from settings.training_mistakes import mistakes_in, mistakes_in_trials
from settings.types_in_words import type_at

_OF_TRAINING = (
    "batch_size",
    "class_weights",
    "cutmix",
    "early_stopping_patience",
    "ema_decay",
    "focal_gamma",
    "freeze_epochs",
    "gradient_clip_norm",
    "label_smoothing",
    "layer_decay",
    "learning_rate",
    "loss",
    "mixup",
    "optimizer",
    "sampling",
    "schedule",
    "warmup_epochs",
    "weight_decay",
)


def _as_json(given: Any) -> Any:
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "allowed: text, finite numbers, true, false, null, and lists of these"
        ) from error
    return given


Choice = Annotated[Any, AfterValidator(_as_json)]


class Tried(Section):
    """The values of one key: choices, or a range (of whole numbers if the key takes no others)."""

    min: int | float | None = Field(None, description="the lower end of a range")
    max: int | float | None = Field(None, description="the upper end of a range")
    log: bool = Field(False, description="sample the range on a logarithmic scale")
    choices: Annotated[list[Choice], Field(min_length=1)] | None = Field(
        None, description="values to choose from, instead of a range"
    )

    @model_validator(mode="after")
    def _is_a_range_or_choices(self):
        if self.choices is not None:
            if self.min is not None or self.max is not None or self.log:
                raise ValueError("allowed: either choices, or min and max")
            texts = [text_of(choice) for choice in self.choices]
            for choice, text in zip(self.choices, texts, strict=True):
                if texts.count(text) > 1:
                    raise ValueError(f"choices has {choice!r} twice")
            return self
        if self.min is None or self.max is None:
            raise ValueError("allowed: min and max, or choices")
        if self.min >= self.max:
            raise ValueError(f"min {self.min} must be below max {self.max}")
        if self.log and self.min <= 0:
            raise ValueError(f"min {self.min} must be above 0 where log is true")
        return self

    @property
    def examples(self) -> list:
        """Values that are allowed if and only if all values are."""
        if self.choices is not None:
            return self.choices
        if self.is_whole:
            return [self.min, self.min + 1, self.max]  # The next one is no multiple as well.
        return [self.min, self.max]

    @property
    def is_whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        return isinstance(self.min, int) and isinstance(self.max, int)


class Tuner(Section):
    trials: Annotated[int, Field(ge=1, le=10_000)] = Field(description="the most trainings")
    epochs: Annotated[int, Field(ge=1, le=100_000)] = Field(description="epochs of each training")
    parallel_trials: Annotated[int, Field(ge=1, le=256)] = Field(
        1,
        description="trainings at a time; with several, each gets a process and a share of the "
        "GPUs",
    )
    objective: Literal["validation_loss", "validation_accuracy", "validation_mean_iou"] = Field(
        "validation_loss", description="what trials are compared by, in their best epoch"
    )
    algorithm: Literal["random", "bayesian", "hyperband"] = Field(
        "bayesian", description="how the next values are chosen"
    )
    stop_poor_after: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="stop a trial after this many epochs, or later, if the best of its epochs is "
        "worse than the median of what the trials before it had reached by then; the first three "
        "are never stopped; omit to train all to the end",
    )
    search_space: Annotated[dict[str, Tried], Field(min_length=1)] = Field(
        description="by configuration key: {min, max, log} or {choices: [...]}; the keys are "
        "model.weights, those of augmentation, the parameters of the network and of code of your "
        f"own, and of training {', '.join(_OF_TRAINING)}"
    )

    @field_validator("stop_poor_after")
    @classmethod
    def _stops_before_the_end_and_alone(cls, after, info):
        if after is not None and info.data.get("algorithm") == "hyperband":
            raise ValueError("hyperband stops poor trials by itself; allowed: without it")
        if after is not None and after >= info.data.get("epochs", after + 1):
            raise ValueError(
                f"a trial of {info.data['epochs']} epochs has ended by then; allowed: fewer than "
                "tuner.epochs"
            )
        return after

    @property
    def own_modules(self) -> list[str]:
        """The modules of user code that trials run beside those of the recipe."""
        losses = self.search_space.get("training.loss")
        names = losses.examples if losses else []
        return sorted({split(name)[0] for name in names if is_own(name)})


def mistake_in(
    tuner: Tuner, data: Data, preprocessing: Preprocessing, recipe: Recipe
) -> str | None:
    """What is wrong with the section beside the others, or None."""
    if not data.source_keys.has_validation:
        return "trials are compared on data.splits.validation, which is missing"
    if tuner.objective == "validation_mean_iou" and data.task != "segmentation":
        return (
            "objective validation_mean_iou needs segmentation; "
            "allowed: validation_loss, validation_accuracy"
        )
    allowed = _searchable(preprocessing.channels, recipe)
    for key, tried in tuner.search_space.items():
        if key not in allowed:
            return f"search_space {key}: unknown key{_suggestion(key, allowed)}"
        for value in tried.examples:
            try:
                varied = replaced(recipe, {key: value})
            except Failure as failure:
                tried_with = "" if str(failure).startswith(key) else f"{key}: tries {value!r}; "
                return f"search_space {tried_with}{failure}"
            for wrong, mistake in (
                *mistakes_in(varied.training, data),
                *mistakes_in_trials(varied.training, tuner.epochs),
            ):
                if f"training.{wrong}" == key:
                    return f"search_space {key}: {mistake}"
    return None


def _suggestion(key: str, allowed: list[str]) -> str:
    section, _, name = key.rpartition(".")
    beside = [one.rpartition(".")[2] for one in allowed if one.rpartition(".")[0] == section]
    return did_you_mean(name, beside) or f"; allowed: {', '.join(allowed)}"


def higher_is_better(objective: str) -> bool:
    return objective != "validation_loss"


def takes_fractions(key: str, recipe: Recipe) -> bool:
    """Whether a configuration key of the search space holds a number that need not be whole."""
    section, _, name = key.rpartition(".")
    open_ones = _open_sections(recipe)
    root, path = (open_ones[section], (name,)) if section in open_ones else (Recipe, key.split("."))
    found = type_at(root, path)
    return found is not None and found[0] is float


def _open_sections(recipe: Recipe) -> dict[str, type[Section]]:
    """The sections whose keys the network, or other user code, decides."""
    loss = recipe.training.loss
    found = {"model.parameters": parameters_of(recipe.model.name)}
    if is_own(loss):
        found["training.loss_parameters"] = declaration("loss", loss).parameters
    for number, change in enumerate(recipe.augmentation.own):
        kind = declaration("augmentation", change.name).parameters
        found[f"augmentation.own.{number}.parameters"] = kind
    return found


def _searchable(channels: int, recipe: Recipe) -> list[str]:
    augmentation = [
        key
        for name in augmentations.NAMES
        if channels == 3 or not needs_colour(name)
        for key in Augmentation.keys_of(name)
    ]
    open_ones = {name: kind.model_fields for name, kind in _open_sections(recipe).items()}
    keys = {
        "training": _OF_TRAINING,
        "model": ["weights"],
        **open_ones,
        "augmentation": augmentation,
    }
    return [f"{section}.{name}" for section, names in keys.items() for name in names]
