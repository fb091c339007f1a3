"""Two runs on one page: configuration, code, data, metrics, curves, classes, times."""

from report import drift
from report.advice import headline
from report.charts import Series, chart
from report.page import render, sections
from report.sections.training import CURVES, column

_CLASSES = 30  # those that changed most


def comparison(a, b):
    """The page as text; every change is from run `a` to run `b`."""
    return render(
        "comparison.html",
        title=f"{b.name}: two runs compared",
        subtitle=f"A is the run of {a.when}, B the run of {b.when}",
        a=a,
        b=b,
        sections=sections("comparison", _SECTIONS, a, b),
        runs=[(letter, run, *headline(run)) for letter, run in (("A", a), ("B", b))],
    )


def _training(a, b):
    epochs = [run.history.epochs if run.history else [] for run in (a, b)]
    drawn = []
    for key, title in CURVES:
        series = []
        for letter, tone, found in zip("AB", ("one", "two"), epochs, strict=True):
            series.append(Series(f"{letter} train", column(found, key), tone, dashed=True))
            series.append(Series(f"{letter} validation", column(found, f"validation_{key}"), tone))
        drawn.append(chart(title, series))
    trained = [(letter, run) for letter, run in (("A", a), ("B", b)) if run.history]
    return {"charts": [c for c in drawn if c], "trained": trained} if trained else None


def _classes(a, b):
    if not a.classes or not b.classes or a.task is not b.task:
        return None
    scores = list(reversed(b.task.SCORES))
    before = {c.name: c for c in a.classes}
    now = {c.name: c for c in b.classes}
    rows = [
        (name, [(getattr(before[name], score), getattr(now[name], score)) for score in scores])
        for name in now
        if name in before
    ]
    of_one = sorted({*before} ^ {*now})
    rows.sort(key=lambda row: -abs(row[1][0][1] - row[1][0][0]))
    return {
        "scores": [b.task.SCORES[score] for score in scores],
        "rows": rows[:_CLASSES],
        "of_one": of_one[:_CLASSES],
        "more": len(of_one) - _CLASSES,
    }


_SECTIONS = (
    ("metrics", "Metrics", None),
    ("configuration", "Configuration", None),
    ("code", "Code", None),
    ("data", "Data", lambda a, b: drift.compare(b, a)),
    ("training", "Training", _training),
    ("classes", "Classes", _classes),
    ("times", "Components", None),
)
