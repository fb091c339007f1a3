"""Plots an input report: loading, waiting and computing over time, and the speeds."""

import textwrap
from collections.abc import Mapping
from html import escape

_WIDTH, _LEFT, _RIGHT = 720, 120, 20
_LANE, _GAP = 24, 10  # heights
_HEAD_LETTERS, _HEAD_LINE = 70, 18  # characters and height of a heading's line
_STYLE = """
svg{--ink:#1b1f24;--quiet:#5b6470;--line:#c9ced6;--wait:#c2410c;--compute:#2563eb;--load:#0f766e;
--paper:#fff}
@media(prefers-color-scheme:dark){svg{--ink:#e8ebf0;--quiet:#a9b2be;--line:#454d59;
--wait:#fb923c;--compute:#6ea8fe;--load:#5eead4;--paper:#14171c}}
text{font:12px system-ui,sans-serif;fill:var(--ink)}.quiet{fill:var(--quiet)}
.wait{fill:var(--wait)}.compute{fill:var(--compute)}
.load{fill:var(--load)}.line{stroke:var(--line)}
.head{font-weight:600;font-size:13px}
"""


def draw(report: Mapping) -> str:
    """A self-contained SVG for light and dark pages.

    Args:
      report: the content of `input_report.json`; `loads` may be absent, as in older reports.
    """
    heads = textwrap.wrap(report["line"], _HEAD_LETTERS) or [""]
    top = 62 + _HEAD_LINE * (len(heads) - 1)
    one_epoch = not report["images_per_second"]["later_epochs"]
    lanes, bottom = _lanes(report["timeline"], report.get("loads"), one_epoch, top)
    speeds = _speeds(report["images_per_second"], top=bottom + 54)
    height = bottom + 164
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
        f"<title>Input report</title><desc>{escape(report['line'])}</desc>"
        f'<style>{_STYLE}</style><rect width="{_WIDTH}" height="{height}" fill="var(--paper)"/>'
        f"{_heading(heads)}{lanes}{speeds}</svg>\n"
    )


def _heading(lines: list[str]) -> str:
    return "".join(
        f'<text class="head" x="{_LEFT}" y="{22 + _HEAD_LINE * number}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )


def _lanes(timeline, loads, one_epoch: bool, top: int) -> tuple[str, int]:
    """The lanes and the y coordinate at which they end."""
    total = sum(step["wait_ms"] + step["compute_ms"] for step in timeline)
    if not total:
        return "", top
    first, last = timeline[0]["step"], timeline[-1]["step"]
    scale = (_WIDTH - _LEFT - _RIGHT) / total  # pixels per millisecond
    rows = 1 + max((load["row"] for load in loads or ()), default=0)
    loading = _LANE if rows == 1 else min(rows * _LANE // 2, 3 * _LANE)
    waiting = top + loading + _GAP
    computing = waiting + _LANE + _GAP
    before = ", after the first loading" if one_epoch else ""
    parts = [
        f'<text class="quiet" x="{_LEFT}" y="{top - 14}">steps {first:,} to {last:,}, '
        f"{total:,.1f} ms around the longest wait{before}</text>",
        _lane("loading", top, loading),
        _lane("waiting for data", waiting, _LANE),
        _lane("computing", computing, _LANE),
    ]
    if loads is None:
        parts.append(f'<text class="quiet" x="{_LEFT}" y="{top + 17}">not recorded</text>')
    for load in loads or ():
        start, end = load["start_ms"] * scale, load["end_ms"] * scale
        parts.append(_bar("load", start, end, top + load["row"] * loading / rows, loading / rows))
    now = 0.0
    for step in timeline:
        asked, arrived = now, now + step["wait_ms"] * scale
        now = arrived + step["compute_ms"] * scale
        parts.append(_bar("wait", asked, arrived, waiting, _LANE))
        parts.append(_bar("compute", arrived, now, computing, _LANE))
    return "".join(parts), computing + _LANE


def _lane(name: str, y: float, height: float) -> str:
    return (
        f'<text x="{_LEFT - 8}" y="{y + height / 2 + 5}" text-anchor="end">{name}</text>'
        f'<path class="line" d="M{_LEFT} {y + height + 2}H{_WIDTH - _RIGHT}"/>'
    )


def _bar(kind: str, start: float, end: float, y: float, height: float) -> str:
    width = end - start
    # A thin gap separates neighbouring bars; even the shortest load stays visible.
    drawn = max(width - 0.8, width * 0.6, 1.2 if kind == "load" else 0)
    if drawn < 0.05:
        return ""
    return (
        f'<rect class="{kind}" x="{_LEFT + start:.2f}" y="{y:.1f}" width="{drawn:.2f}" '
        f'height="{height - (0.8 if kind == "load" else 0):.1f}"/>'
    )


def _speeds(rates: Mapping, top: int) -> str:
    names = {"first_epoch": "first epoch", "later_epochs": "later epochs", "ceiling": "no input"}
    known = {name: rates[key] for key, name in names.items() if rates[key]}
    most = max(known.values(), default=0)
    parts = [f'<text class="quiet" x="{_LEFT}" y="{top - 14}">images per second</text>']
    for number, (name, rate) in enumerate(known.items()):
        y = top + 32 * number
        width = (_WIDTH - _LEFT - _RIGHT - 80) * rate / most
        kind = "line" if name == "no input" else "compute"
        fill = 'fill="var(--line)"' if kind == "line" else 'class="compute"'
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 17}" text-anchor="end">{name}</text>'
            f'<rect {fill} x="{_LEFT}" y="{y}" width="{width:.1f}" height="24"/>'
            f'<text x="{_LEFT + width + 8:.1f}" y="{y + 17}">{rate:,.0f}</text>'
        )
    return "".join(parts)
