"""Two runs on one page: configuration, code, data, metrics, curves, classes, times."""

from html import escape

from report import drift
from report.advice import headline
from report.charts import Series, lines
from report.confusion import is_segmentation, read_confusion
from report.differences import changed_keys
from report.markup import Safe, section, table
from report.page import frame
from report.sections.evaluation import delta
from report.sections.training import CURVES, column

_CLASSES = 30  # those that changed most


def render(a, b):
    """The page as text; every change is from run `a` to run `b`."""
    parts = (_metrics, _configuration, _code, _data, _training, _classes, _times)
    name = b.configuration.get("name", "run")
    return frame(
        f"{name}: two runs compared",
        f"A is the run of {a.when}, B the run of {b.when}",
        _top(a, b),
        [part(a, b) for part in parts],
    )


def _top(a, b):
    boxes = []
    for letter, run in (("A", a), ("B", b)):
        first, why, good = headline(run)
        boxes.append(
            f'<div class="verdict {"good" if good else "bad"}"><strong>{letter}: {escape(first)}'
            f"</strong><p>{escape(why)}</p><p>Run of {escape(run.when)}, {run.seconds:.1f} s</p>"
            "</div>"
        )
    return Safe(f"<div class=two>{''.join(boxes)}</div>")


def _metrics(a, b):
    before, now = (_verdict(run)["metrics"] for run in (a, b))
    rows = [
        (name, _figure(before.get(name)), _figure(now.get(name)),
         delta(name, before.get(name), now.get(name)))
        for name in dict.fromkeys([*now, *before])
    ]  # fmt: skip
    if not rows:
        return section("metrics", "Metrics", "<p>Neither run came to its evaluation.</p>")
    return section("metrics", "Metrics", table("On the test split", _HEAD, rows))


_HEAD = ("what", "A", "B", "change")


def _verdict(run):
    empty = {"metrics": {}, "champion_metrics": {}, "blessed": False, "reasons": []}
    return run.json("Evaluator", "blessing", "blessing.json") or empty


def _figure(value):
    return "none" if value is None else f"{value:.6g}"


def _configuration(a, b):
    rows = changed_keys(a.configuration, b.configuration)
    body = "<p>The configurations are the same, key by key.</p>"
    if rows:
        body = table("Keys that differ", ("key", "A", "B"), rows)
    return section("configuration", "Configuration", body)


def _code(a, b):
    names = {"git_commit": "commit", "git_state": "working tree", "lock_sha256": "lock file"}
    rows = [
        (title, *(_long(run.origin.get(name)) for run in (a, b)), _same(a, b, name))
        for name, title in names.items()
    ]
    return section("code", "Code", table("What the runs were started from", _HEAD, rows))


def _long(text):
    """A cell that may break anywhere, for sums of 64 digits."""
    return Safe(f"<code>{escape(text or 'not recorded')}</code>")


def _same(a, b, name):
    return "same" if a.origin.get(name) == b.origin.get(name) else "differs"


def _data(a, b):
    names = ("dataset", "fingerprint", "summary")
    rows = []
    for name in names:
        told = [run.said("TfdsExampleGen", "examples", name) for run in (a, b)]
        cells = map(_long, told) if name == "fingerprint" else (t or "not recorded" for t in told)
        rows.append((name, *cells, "same" if told[0] == told[1] else "differs"))
    return section("data", "Data", table("What went in", _HEAD, rows) + drift.compare(b, a))


def _training(a, b):
    epochs = [_epochs(run) for run in (a, b)]
    drawn = []
    for key, title in CURVES:
        series = []
        for letter, tone, found in zip("AB", ("one", "two"), epochs, strict=True):
            series.append(Series(f"{letter} train", column(found, key), tone, dashed=True))
            series.append(Series(f"{letter} validation", column(found, f"validation_{key}"), tone))
        drawn.append(lines(title, series))
    body = f"<div class=charts>{''.join(drawn)}</div>" if any(drawn) else ""
    rows = [
        (letter, len(found), f"{sum(e['seconds'] for e in found):.2f} s", _input_line(run))
        for letter, run, found in zip("AB", (a, b), epochs, strict=True) if found
    ]  # fmt: skip
    if rows:
        head = ("run", "epochs", "training", "input report")
        body += table("Speed of training", head, rows)
    return section("training", "Training", body)


def _epochs(run):
    history = run.json("Trainer", "model_run", "history.json")
    return history["epochs"] if history else []


def _input_line(run):
    told = run.json("Trainer", "model_run", "input_report.json")
    return told.get("line", "") if told else "none"


def _classes(a, b):
    before, now = read_confusion(a), read_confusion(b)
    if not before or not now:
        return ""
    score = "iou" if is_segmentation(b) else "recall"
    then = {c.name: c for c in before.classes}
    pairs = [(then[c.name], c) for c in now.classes if c.name in then]
    pairs.sort(key=lambda pair: -abs(getattr(pair[1], score) - getattr(pair[0], score)))
    head = ["class"]
    scores = [score, "precision"] if score == "recall" else [score, "recall", "precision"]
    for name in scores:
        title = "IoU" if name == "iou" else name
        head += [f"{title} A", f"{title} B", "change"]
    rows = [(x.name, *(cell for name in scores for cell in _cells(x, y, name))) for x, y in pairs]
    caption = "Classes, those that changed most first"
    body = table(caption, head, rows[:_CLASSES]) if rows else ""
    gone = sorted({*then} ^ {c.name for c in now.classes})
    if gone:
        body += f"<p>Classes of one run alone: {escape(', '.join(gone))}.</p>"
    return section("classes", "Classes", body)


def _cells(before, now, name):
    a, b = getattr(before, name), getattr(now, name)
    # A class's scores get better upwards, as accuracy does.
    return f"{a:.3f}", f"{b:.3f}", delta("accuracy", a, b) if f"{a:.3f}" != f"{b:.3f}" else "0"


def _times(a, b):
    rows = [
        (name, _took(a.nodes.get(name)), _took(b.nodes.get(name)))
        for name in dict.fromkeys([*a.nodes, *b.nodes])
    ]
    return section("times", "Components", table("Results and times", ("component", "A", "B"), rows))


def _took(node):
    return (
        "did not run" if node is None else f"{node.status}, {node.seconds:.1f}\N{NO-BREAK SPACE}s"
    )
