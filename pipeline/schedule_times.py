"""When a schedule fires: cron in five fields, read in a time zone, as Debian's cron reads it.

A firing that falls into the hour that spring skips happens as that hour ends; a
daily firing in the hour that autumn repeats happens once, in the first of the two.
Schedules with `*` in the minute or the hour follow real time through both.
"""

import datetime
import difflib
import re
import zoneinfo

from cronsim import CronSim, CronSimError

_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_NUMBER = r"\d+"
_NAME_OR_NUMBER = r"(?:\d+|[A-Za-z]{3})"
# What Debian's cron and Kubeflow's both read, and read alike; `L`, `#` and `?` are not in it.
_ITEM = r"(?:\*|{n}(?:-{n})?)(?:/\d+)?"
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SUNDAY_AS_7 = 7


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
        meant = f"did you mean {near[0]}?" if near else "allowed: IANA's names, as Europe/Berlin"
        raise ValueError(f"no such time zone; {meant}") from None


def firings(cron, time_zone, after):
    """The instants at which the schedule fires, in order, without end.

    Args:
      cron: five fields, checked.
      time_zone: IANA name in which they are read.
      after: aware datetime; the firings are later than it.

    Yields:
      Aware datetimes in UTC, strictly increasing.
    """
    zone = zoneinfo.ZoneInfo(time_zone)
    last = after.astimezone(datetime.UTC)
    for local in CronSim(cron, after.astimezone(zone)):
        instant = local.astimezone(datetime.UTC)
        # In a repeated hour the library may look back to its first pass.
        if instant > last:
            last = instant
            yield instant


def due(cron, time_zone, after, now):
    """The last firing in (after, now] and how many there were; (None, 0) when none."""
    last, count = None, 0
    for instant in firings(cron, time_zone, after):
        if instant > now:
            break
        last, count = instant, count + 1
    return last, count


def six_fields(cron):
    """The cron of Kubeflow's controller: seconds first, Sunday as 0 and never as 7."""
    *fields, weekday = cron.split()
    items = [_without_seven(item) for item in weekday.upper().split(",")]
    return " ".join(["0", *fields, ",".join(items)])


def _without_seven(item):
    span, _, step = item.partition("/")
    if span == "*" or not (step or str(_SUNDAY_AS_7) in span):
        return item
    first, dash, last = span.partition("-")
    low = _day(first)
    high = _day(last) if dash else _SUNDAY_AS_7 if step else low
    days = {day % _SUNDAY_AS_7 for day in range(low, high + 1, int(step or 1))}
    return ",".join(str(day) for day in sorted(days))


def _day(text):
    return _DAYS.index(text) if text in _DAYS else int(text)
