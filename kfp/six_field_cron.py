"""The cron of Kubeflow's controller: seconds first, and Sunday is 0, never 7."""

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SUNDAY_AS_7 = 7


def six_fields(cron):
    """Kubeflow's form of a checked cron of five fields."""
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
