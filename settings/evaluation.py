"""The section `evaluation`: what a model must reach to be pushed."""

import math
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from failures import did_you_mean
from metrics import catalog
from settings.own_code import OwnMetric, split
from settings.section import OneOf, Section

# What stands beside the metrics in the properties of an evaluation, and a champion's metrics.
_OTHER_FACTS = ("dropped_images", "example_count", "name", "state", "summary", "unknown_labels")


class _Measured(OneOf):
    """A metric of this project, or one of user code that `metrics` names."""

    def __init__(self):
        names = catalog.with_bounds()
        super().__init__(names, f"{', '.join(sorted(names))}, or one of evaluation.metrics")

    def __call__(self, given: str, info: ValidationInfo) -> str:
        known = [*self._names, *(metric.key for metric in info.data.get("metrics") or ())]
        if given not in known:
            raise ValueError(f"allowed: {self.words}{did_you_mean(given, known)}")
        return given


Metric = Annotated[str, AfterValidator(_Measured())]


class Threshold(Section):
    min: float | None = Field(None, description="the lowest value that passes; omit for none")
    max: float | None = Field(None, description="the highest value that passes; omit for none")

    @model_validator(mode="after")
    def _bounds_something(self):
        if self.min is None and self.max is None:
            raise ValueError("needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Change(Section):
    max_drop: Annotated[float, Field(ge=0)] | None = Field(
        None, description="how far below the champion's value it may be; omit for any"
    )
    max_rise: Annotated[float, Field(ge=0)] | None = Field(
        None, description="how far above the champion's value it may be; omit for any"
    )

    @model_validator(mode="after")
    def _bounds_something(self):
        if self.max_drop is None and self.max_rise is None:
            raise ValueError("needs max_drop or max_rise")
        return self


class Evaluation(Section):
    metrics: list[OwnMetric] = Field(
        [], description="metrics of your own, measured in addition to those of this project"
    )
    thresholds: dict[Metric, Threshold] = Field({}, description="what a model must reach")
    change: dict[Metric, Change] = Field(
        {}, description="how far a model may fall behind the champion"
    )
    per_class: bool = Field(True, description="also compute the metrics of each class")

    @field_validator("metrics")
    @classmethod
    def _have_names_of_their_own(cls, metrics):
        names = [metric.key for metric in metrics]
        for name in names:
            if name in catalog.NAMES or names.count(name) > 1:
                raise ValueError(f"{name} is there twice; allowed: a name that no other metric has")
            if name in _OTHER_FACTS or name.startswith("champion_"):
                raise ValueError(f"an evaluation says something else by {name}; allowed: others")
        return metrics

    @field_validator("change")
    @classmethod
    def _limits_what_gets_worse(cls, change, info):
        own = {metric.key: metric.higher_is_better for metric in info.data.get("metrics", ())}
        for metric, limits in change.items():
            better, key = ("higher", "max_drop"), "max_rise"
            if not own.get(metric, catalog.higher_is_better(metric)):
                better, key = ("lower", "max_rise"), "max_drop"
            if getattr(limits, key) is not None:
                raise ValueError(f"{metric} is better when {better[0]}; allowed: {better[1]}")
        return change

    def allowed_change(self, metric: str) -> float | None:
        """How far behind the champion a metric may be, >= 0; None without such a bound."""
        limits = self.change.get(metric)
        if limits is None:
            return None
        return limits.max_drop if self.higher_is_better(metric) else limits.max_rise

    def higher_is_better(self, metric: str) -> bool | None:
        """The direction in which a metric gets better; None for a name that is not a metric's."""
        own = {metric.key: metric.higher_is_better for metric in self.metrics}
        return own.get(metric, catalog.higher_is_better(metric))

    @property
    def own_modules(self) -> list[str]:
        """The modules of user code that hold `metrics`."""
        return sorted({split(metric.name)[0] for metric in self.metrics})

    def not_measured(self, task: str) -> list[tuple[str, str, str]]:
        """("thresholds" or "change", metric, what is wrong) of bounds that a task cannot have."""
        known = [*catalog.with_bounds(task), *(metric.key for metric in self.metrics)]
        wrong = f"not measured in {task}; allowed: {', '.join(known)}"
        return [
            (key, metric, wrong)
            for key in ("thresholds", "change")
            for metric in getattr(self, key)
            if metric not in known
        ]

    def never_reached(self) -> Iterator[tuple[str, str, str, str]]:
        """("thresholds" or "change", metric, its key, what is wrong) of bounds out of range."""
        for section in ("thresholds", "change"):
            for metric, bounds in getattr(self, section).items():
                most = catalog.highest(metric) if metric in catalog.NAMES else None
                for key, bound in bounds if most else ():
                    if bound is not None and not 0 <= bound <= most:
                        allowed = "0 or more" if most == math.inf else f"a number, 0 to {most:g}"
                        yield section, metric, key, f"given {bound}; allowed: {allowed}"
