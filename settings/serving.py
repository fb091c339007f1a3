"""The section `serving`: how a model must serve to be pushed."""

from typing import Annotated

from pydantic import Field

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
