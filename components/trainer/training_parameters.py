"""What a training is told, as it travels in the component's JSON parameters."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from failures import Failure

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("cosine", "constant")
PRECISIONS = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
XLA = ("auto", "on", "off")
STRATEGIES = ("auto", "memory", "disk", "streaming")
ON_WAIT = ("warn", "fail")
FLIPS = ("none", "horizontal", "vertical", "both")


@dataclasses.dataclass(frozen=True)
class ImageParameters:
    """The images' size, and where they stand in a raw Example.

    Attributes:
      height, width: pixels.
      channels: 1 for grey, 3 for colour.
      image_feature, label_feature: names in the raw Examples.
      mask_feature: likewise; masks stand in the labels' place. None: there are none.
    """

    height: int
    width: int
    channels: int = 3
    image_feature: str = "image"
    label_feature: str | None = "label"
    mask_feature: str | None = None

    def __post_init__(self):
        for name in ("height", "width", "channels"):
            _check(
                self,
                name,
                isinstance(getattr(self, name), int) and getattr(self, name) > 0,
                "a whole number above 0",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.height, self.width, self.channels)

    @property
    def task(self) -> str:
        return "classification" if self.mask_feature is None else "segmentation"

    @property
    def target_feature(self) -> str:
        """The raw feature that a model learns to tell."""
        return self.mask_feature or self.label_feature


@dataclasses.dataclass(frozen=True)
class TrainingParameters:
    """How long and how fast to train.

    Attributes:
      batch_size: examples a step, over all devices.
      epochs: at most; early stopping may end sooner.
      learning_rate: the highest one.
      schedule: "cosine" reaches it after the first epoch and goes down to nothing at the last
        one, "constant" stays at it from the first step on.
      optimizer: "adam", "adamw" or "sgd" (with Nesterov momentum 0.9).
      early_stopping_patience: epochs without a better validation loss; None never stops early.
      checkpoint_every_steps: None leaves it to the time alone.
      checkpoint_every_seconds: what a kill may cost; a training shorter than this writes none.
      deterministic: bit-for-bit repeatable on one machine, and slower.
      precision: of the computation; "auto" is mixed where the device is faster with it.
      xla: whether the step is compiled with XLA; "auto" does so on a single GPU. "on" with
        several devices: batch normalisation sees each device's part of a batch.
      steps_per_execution: steps that one call of the compiled function does.
      worker_wait_seconds: for the other workers of TF_CONFIG at the start, at most.
    """

    batch_size: int = 64
    epochs: int = 10
    learning_rate: float = 0.001
    schedule: str = "cosine"
    optimizer: str = "adam"
    early_stopping_patience: int | None = None
    checkpoint_every_steps: int | None = None
    checkpoint_every_seconds: float = 60.0
    deterministic: bool = False
    precision: str = "auto"
    xla: str = "auto"
    steps_per_execution: int = 1
    worker_wait_seconds: float = 600.0

    def __post_init__(self):
        for name in ("batch_size", "epochs", "steps_per_execution"):
            _check(self, name, _whole(getattr(self, name)), "a whole number above 0")
        for name in ("early_stopping_patience", "checkpoint_every_steps"):
            value = getattr(self, name)
            _check(self, name, value is None or _whole(value), "a whole number above 0, or none")
        _check(self, "learning_rate", _within(self.learning_rate, 10), "above 0, at most 10")
        for name in ("checkpoint_every_seconds", "worker_wait_seconds"):
            _check(self, name, _within(getattr(self, name), math.inf), "a number above 0")
        _check(self, "optimizer", self.optimizer in OPTIMIZERS, ", ".join(OPTIMIZERS))
        _check(self, "schedule", self.schedule in SCHEDULES, ", ".join(SCHEDULES))
        _check(self, "precision", self.precision in PRECISIONS, ", ".join(PRECISIONS))
        _check(self, "xla", self.xla in XLA, ", ".join(XLA))


@dataclasses.dataclass(frozen=True)
class AugmentationParameters:
    """How far the training images may be changed at random; see `augmentation.Augmentation`.

    Attributes:
      flip: "horizontal", "vertical" or "both", each with probability one half.
      crop: at most this share of each side is cut off and the rest enlarged, 0 to below 1.
      rotate: degrees at most, both ways, 0..180.
      brightness, contrast, saturation: a factor between 1 - this and 1 + this, 0..1.
      hue: at most this part of the circle of hues, both ways, 0..0.5.
      cutout: a rectangle of this share of each side is blanked, 0 to below 1.
    """

    flip: str = "none"
    crop: float = 0.0
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    cutout: float = 0.0

    def __post_init__(self):
        _check(self, "flip", self.flip in FLIPS, ", ".join(FLIPS))
        for name in ("crop", "cutout"):
            share = getattr(self, name)
            _check(self, name, _number(share) and 0 <= share < 1, "0 to below 1")
        most = {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0.5, "rotate": 180}
        for name, end in most.items():
            value = getattr(self, name)
            _check(self, name, _number(value) and 0 <= value <= end, f"0 to {end}")


@dataclasses.dataclass(frozen=True)
class InputParameters:
    """Where decoded images are kept between epochs; see `input_function.feed`.

    Attributes:
      strategy: "memory", "disk", "streaming", or "auto" for what data and machine allow.
      cache_dir: on a local disk, for the disk strategy; None: beside the checkpoints.
      memory_limit_mb: MiB that the memory strategy may take; None: half of what is free.
    """

    strategy: str = "auto"
    cache_dir: str | None = None
    memory_limit_mb: float | None = None

    def __post_init__(self):
        _check(self, "strategy", self.strategy in STRATEGIES, ", ".join(STRATEGIES))


@dataclasses.dataclass(frozen=True)
class InputReportParameters:
    """Whether the training measures its own input, and what it may wait.

    Attributes:
      enabled: whether to measure.
      max_wait: share of the later epochs' step time that may be spent waiting, 0..1; of a
        training of one epoch its time with the first loading.
      on_wait: "warn" or "fail" above that.
    """

    enabled: bool = True
    max_wait: float = 0.05
    on_wait: str = "warn"

    def __post_init__(self):
        _check(self, "max_wait", 0 <= self.max_wait <= 1, "0 to 1")
        _check(self, "on_wait", self.on_wait in ON_WAIT, ", ".join(ON_WAIT))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(value: Any, most: float) -> bool:
    return _number(value) and 0 < value <= most


def _check(parameters: Any, name: str, holds: bool, allowed: str) -> None:
    if not holds:
        raise Failure(
            f"Trainer: {name} is {getattr(parameters, name)!r}. Set it to one of: {allowed}."
        )


def read(kind: type, text: str) -> Any:
    """An instance of the dataclass `kind` from a JSON object; Failure for an unknown key."""
    return made_of(kind, json.loads(text))


def made_of(kind: type, given: Mapping[str, Any]) -> Any:
    """An instance of the dataclass `kind` with these fields; Failure for an unknown key."""
    allowed = [field.name for field in dataclasses.fields(kind)]
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise Failure(
            f'Trainer: there is no parameter "{unknown[0]}". '
            f"Take one of these: {', '.join(allowed)}."
        )
    return kind(**given)
