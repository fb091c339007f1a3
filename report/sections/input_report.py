"""The trainer's report of its input: whether the model ever waited for data."""

import base64
from html import escape

from report.markup import badge, table


def render(run):
    """The section's part; "" where the trainer left none."""
    told = run.json("Trainer", "model_run", "input_report.json")
    if not told:
        return ""
    verdict = told.get("verdict", "")
    word = badge("ok" if verdict == "ok" else verdict, "good" if verdict == "ok" else "bad")
    advice = f"<p>{escape(told['advice'])}</p>" if told.get("advice") else ""
    return (
        f"<h3>Input report</h3><p>{word} {escape(told.get('line', ''))}</p>{advice}"
        f"{_plot(run, told)}{_speed(told)}{_stages(told)}"
    )


def _plot(run, told):
    """The plot as an image: what is in it can neither run nor clash with the page."""
    file = run.file("Trainer", "model_run", "input_report.svg")
    if not file:
        return ""
    alt = f"Plot of some steps: loading, waiting for data, computing. {told.get('line', '')}"
    return (
        f'<figure><div class=wide tabindex=0 role=group aria-label="Plot of the input report">'
        f'<img class=plot alt="{escape(alt)}" src="data:image/svg+xml;base64,'
        f'{base64.b64encode(file.read_bytes()).decode()}"></div><figcaption>Loading beside waiting '
        "for data and computing, step by step</figcaption></figure>"
    )


def _speed(told):
    speed, wait = told.get("images_per_second") or {}, told.get("wait") or {}
    rows = []
    for key, title in (("first_epoch", "first epoch"), ("later_epochs", "later epochs")):
        waited = wait.get(key) or {}
        shares = [_percent(waited.get(name)) for name in ("share", "p50", "p99")]
        rows.append((title, _count(speed.get(key)), *shares))
    rows.append(("without any input", _count(speed.get("ceiling")), "", "", ""))
    place = (
        f"Strategy {told.get('strategy')}: {told.get('reason')}." if told.get("strategy") else ""
    )
    head = ("when", "images a second", "waited for data", "p50 of the steps", "p99")
    return table("Speed, and the part of a step that was spent waiting", head, rows) + (
        f"<p>{escape(place)}</p>" if place else ""
    )


def _stages(told):
    rows = [
        (stage["name"], f"{stage['milliseconds']:.2f}", _percent(stage.get("share")))
        for stage in told.get("stages") or ()
    ]
    return table("Stages of the input", ("stage", "ms a batch", "share"), rows) if rows else ""


def _percent(value):
    return "" if value is None else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _count(value):
    return "" if value is None else f"{value:,.0f}"
