"""The `schedule:` section: when the pipeline runs by itself."""

import math
from typing import Annotated

from pydantic import Field, field_validator

from settings.cron import check, check_time_zone
from settings.section import Section

Parameter = str | int | float


class Schedule(Section):
    """When the pipeline runs by itself: on Kubeflow (`schedule apply`) or on this machine."""

    cron: str = Field(description="five fields, as in '0 3 * * 1-5' for 03:00 on workdays")
    time_zone: str = Field(
        "UTC", description="IANA name; Kubeflow uses its controller's own, and `apply` says so"
    )
    enabled: bool = Field(True, description="whether it fires")
    max_concurrency: Annotated[int, Field(ge=1, le=10)] = Field(
        1, description="runs at a time on Kubeflow; on one machine always 1"
    )
    catch_up: bool = Field(
        False, description="run every missed firing on Kubeflow; on one machine they become one"
    )
    parameters: dict[str, Parameter] = Field(
        {}, description="of each scheduled run: a name of kubeflow.parameters and its value"
    )
    retries: Annotated[int, Field(ge=0, le=100)] = Field(
        3, description="further attempts of a failed run, on one machine"
    )
    retry_after_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        60.0, description="seconds before the first further attempt, doubled for each later one"
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron):
        check(cron)
        return " ".join(cron.split())

    @field_validator("parameters")
    @classmethod
    def _fit_into_json(cls, parameters):
        for name, value in parameters.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} is {value}; allowed: text and finite numbers")
        return parameters

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, time_zone):
        check_time_zone(time_zone)
        return time_zone
