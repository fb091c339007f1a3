"""When a schedule fires: a checked cron, read in a time zone as Debian's cron reads it.

A firing in the hour that spring skips happens when that hour ends. A daily firing in the
hour that autumn repeats happens once, in the first of the two. Schedules with `*` in the
minute or the hour follow real time through both.
"""

import datetime
import zoneinfo

from cronsim import CronSim


def firings(cron, time_zone, after):
    """The instants at which the schedule fires, in order, without end.

    Args:
      cron: five fields, checked.
      time_zone: IANA name of the zone in which they are read.
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
    """The last firing in (after, now] and how many there were; (None, 0) for none."""
    last, count = None, 0
    for instant in firings(cron, time_zone, after):
        if instant > now:
            break
        last, count = instant, count + 1
    return last, count
