"""Checks a schedule's cron and time zone: five fields, as Debian's cron reads them."""

import datetime
import difflib
import re
import zoneinfo

from cronsim import CronSim, CronSimError

_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_NUMBER = r"\d+"
_NAME_OR_NUMBER = r"(?:\d+|[A-Za-z]{3})"
# What Debian's cron and Kubeflow's read alike, so without `L`, `#` and `?`.
_ITEM = r"(?:\*|{n}(?:-{n})?)(?:/\d+)?"


def check(cron):
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
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        meant = f"did you mean {near[0]}?" if near else "allowed: IANA names, as in Europe/Berlin"
        raise ValueError(f"no such time zone; {meant}") from None
