"""When schedules fire, through time zones and both daylight-saving changes."""

import datetime
import itertools
import zoneinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfp.six_field_cron import six_fields
from pipeline.local_schedule import due, firings
from settings.schedule import check_cron, check_time_zone

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]


def in_2026(cron, zone):
    """All firings of the year 2026 of that zone, in its local time."""
    here = zoneinfo.ZoneInfo(zone)
    start = datetime.datetime(2026, 1, 1, tzinfo=here) - datetime.timedelta(seconds=1)
    end = datetime.datetime(2027, 1, 1, tzinfo=here)
    later = itertools.takewhile(lambda t: t < end, firings(cron, zone, start))
    return [instant.astimezone(here) for instant in later]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["30 2 * * *", "0 0 * * *", "15 1 * * *", "45 23 * * *"])
def test_a_daily_schedule_fires_once_on_every_day_of_a_year_with_both_clock_changes(cron, zone):
    days = [local.date() for local in in_2026(cron, zone)]
    assert len(days) == 365
    assert len(set(days)) == 365


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
def test_an_hourly_schedule_follows_real_time_through_both_clock_changes(zone):
    hours = in_2026("0 * * * *", zone)
    instants = [local.astimezone(datetime.UTC) for local in hours]
    steps = {b - a for a, b in itertools.pairwise(instants)}
    # Lord Howe's clocks change by half an hour, so two of its full hours are 90 minutes apart.
    expected = {60} if zone != "Australia/Lord_Howe" else {60, 90}
    assert {step.total_seconds() / 60 for step in steps} == expected


def test_a_firing_in_the_skipped_hour_happens_as_the_hour_ends():
    [skipped] = [t for t in in_2026("30 2 * * *", "Europe/Berlin") if (t.month, t.day) == (3, 29)]
    assert skipped.isoformat() == "2026-03-29T03:00:00+02:00"


def test_two_firings_in_the_skipped_hour_happen_as_one():
    skipped = [t for t in in_2026("10,40 2 * * *", "Europe/Berlin") if (t.month, t.day) == (3, 29)]
    assert [t.isoformat() for t in skipped] == ["2026-03-29T03:00:00+02:00"]


def test_a_firing_in_the_repeated_hour_happens_in_its_first_pass_only():
    [first] = [t for t in in_2026("30 2 * * *", "Europe/Berlin") if (t.month, t.day) == (10, 25)]
    assert first.isoformat() == "2026-10-25T02:30:00+02:00"


@pytest.mark.parametrize("minute", [0, 29, 30, 31, 59])
def test_who_looks_during_the_second_pass_of_the_repeated_hour_sees_nothing_twice(minute):
    here = zoneinfo.ZoneInfo("Europe/Berlin")
    now = datetime.datetime(2026, 10, 25, 2, minute, tzinfo=here, fold=1)
    following = next(firings("30 2 * * *", "Europe/Berlin", now))
    assert following.astimezone(here).isoformat() == "2026-10-26T02:30:00+01:00"


@pytest.mark.slow
@given(
    cron=st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 1-4 * * *", "7 */3 1,15 * 0"]),
    zone=st.sampled_from(ZONES),
    cuts=st.lists(st.integers(0, 60 * 24 * 60), min_size=1, max_size=6),
    start=st.sampled_from(["2026-03-15", "2026-04-01", "2026-09-20", "2026-10-20"]),
)
@settings(max_examples=40, deadline=None)
def test_however_often_one_looks_each_firing_is_seen_once(cron, zone, cuts, start):
    begin = datetime.datetime.fromisoformat(start).replace(tzinfo=datetime.UTC)
    looks = [begin + datetime.timedelta(minutes=m) for m in sorted(cuts)]
    whole = list(itertools.takewhile(lambda t: t <= looks[-1], firings(cron, zone, begin)))
    seen, accounted = 0, begin
    for now in looks:
        last, count = due(cron, zone, accounted, now)
        seen += count
        accounted = last or accounted
    assert seen == len(whole)
    assert accounted == (whole[-1] if whole else begin)


@pytest.mark.parametrize(
    ("five", "six"),
    [
        ("0 3 * * *", "0 0 3 * * *"),
        ("0 3 * * 7", "0 0 3 * * 0"),
        ("0 3 * * 5-7", "0 0 3 * * 0,5,6"),
        ("0 3 * * mon-fri", "0 0 3 * * MON-FRI"),
        ("0 3 * * mon/2", "0 0 3 * * 0,1,3,5"),
        ("*/5 3 1,15 jan *", "0 */5 3 1,15 jan *"),
        ("0 3 * * */2", "0 0 3 * * */2"),
    ],
)
def test_five_fields_become_six_that_mean_the_same(five, six):
    check_cron(five)
    assert six_fields(five) == six


@pytest.mark.parametrize(
    ("cron", "cause"),
    [
        ("0 0 3 * * *", "six fields"),
        ("0 3 * *", "five fields"),
        ("@daily", "five fields"),
        ("60 3 * * *", "minute is out of range"),
        ("0 3 30 2 *", "day-of-month is out of range"),
        ("0 3 L * *", "day of the month is 'L'"),
        ("0 3 ? * 1", "day of the month is '?'"),
        ("0 3 * * mon#2", "day of the week"),
        ("0 3 * * fri-sun", "day-of-week is out of range"),
        ("5-1 3 * * *", "minute is out of range"),
        ("*/0 3 * * *", "minute is out of range"),
        ("", "five fields"),
    ],
)
def test_a_cron_that_one_of_the_two_runners_would_not_read_is_refused(cron, cause):
    with pytest.raises(ValueError, match=cause.replace("?", r"\?")):
        check_cron(cron)


@pytest.mark.parametrize("name", ["Europe/Berlln", "", "../etc/passwd", "/etc/localtime", "CEST!"])
def test_a_time_zone_that_does_not_exist_is_refused(name):
    with pytest.raises(ValueError, match="no such time zone"):
        check_time_zone(name)
