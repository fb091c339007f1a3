"""The sections `evaluation` and `serving`: what a model must reach to be pushed."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from components.evaluator.metric_names import METRIC_NAMES
from settings.section import OneOf, Section

Metric = Annotated[str, AfterValidator(OneOf(METRIC_NAMES))]


class _Bounds(Section):
    # Nothing compares with NaN, and leaving a key out means no bound.
    model_config = ConfigDict(allow_inf_nan=False)


class Threshold(_Bounds):
    min: float | None = Field(None, description="the lowest value that passes; omit for none")
    max: float | None = Field(None, description="the highest value that passes; omit for none")

    @model_validator(mode="after")
    def _bounds_something(self):
        if self.min is None and self.max is None:
            raise ValueError("needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Change(_Bounds):
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
    thresholds: dict[Metric, Threshold] = Field({}, description="what a model must reach")
    change: dict[Metric, Change] = Field(
        {}, description="how far a model may fall behind the champion"
    )
    per_class: bool = Field(True, description="also compute the metrics of each class")


class Serving(_Bounds):
    check: bool = Field(True, description="serve the model in a fresh process before the push")
    max_latency_ms: Annotated[float, Field(gt=0)] | None = Field(
        None, description="the p99 latency of a request of one image; omit for any"
    )
    max_slowdown: Annotated[float, Field(gt=0)] | None = Field(
        5.0, description="the median latency as a multiple of the champion's; null for any"
    )
    max_memory_mb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="MiB that the serving process may take; omit for any"
    )
