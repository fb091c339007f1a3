"""The section `serving`: how a model must serve to be pushed."""

from typing import Annotated

from pydantic import Field, model_validator

from settings.section import Section


class Serving(Section):
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
    warm_up: bool = Field(
        False,
        description="push one real request a signature with the model, which TensorFlow Serving "
        "answers for itself before it takes any other; needs check",
    )

    @model_validator(mode="after")
    def _warms_up_with_what_was_checked(self):
        if self.warm_up and not self.check:
            raise ValueError("warm_up: given true; allowed: false, or with check: true")
        return self
