"""The `schedule:` section: when the pipeline runs by itself."""

import datetime
import re
import zoneinfo
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator

from failures import did_you_mean
from settings.section import Section

Parameter = str | int | float
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_NUMBER = r"\d+"
_NAME_OR_NUMBER = r"(?:\d+|[A-Za-z]{3})"
# What Debian's cron and Kubeflow's read alike, so without `L`, `#` and `?`.
_ITEM = r"(?:\*|{n}(?:-{n})?)(?:/\d+)?"


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
        60.0,
        description="seconds before the first further attempt, doubled for each later one, but at "
        "most an hour",
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron):
        check_cron(cron)
        return " ".join(cron.split())

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, time_zone):
        check_time_zone(time_zone)
        return time_zone


def check_cron(cron):
    """Raises ValueError, saying what is allowed, unless `cron` is five fields of cron."""
    fields = cron.split()
    if len(fields) == 6:
        raise ValueError(
            "six fields; allowed: five, as in '0 3 * * 1-5' (Kubeflow's seconds are added later)"
        )
    if len(fields) != 5:
        raise ValueError(f"allowed: five fields ({', '.join(_FIELDS)}), as in '0 3 * * 1-5'")
    for meaning, field in zip(_FIELDS, fields, strict=True):
        word = _NAME_OR_NUMBER if meaning in ("month", "day of the week") else _NUMBER
        item = _ITEM.format(n=word)
        if not re.fullmatch(f"{item}(?:,{item})*", field):
            raise ValueError(
                f"the {meaning} is {field!r}; allowed: numbers, *, ranges as in 1-5, steps as "
                "in */2, and lists of them"
            )
    try:
        CronSim(cron, datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
    except CronSimError as error:
        meaning = str(error).removeprefix("Bad ")
        raise ValueError(f"the {meaning} is out of range; allowed: as in '0 3 * * 1-5'") from None


def check_time_zone(name):
    """Raises ValueError unless `name` is a time zone of the IANA database."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        meant = did_you_mean(name, zoneinfo.available_timezones())
        allowed = "; allowed: IANA names, as in Europe/Berlin"
        raise ValueError(f"no such time zone{meant or allowed}") from None
