"""The input report as a picture: waiting beside computing, and the speeds."""

from collections.abc import Mapping
from html import escape

_WIDTH, _LEFT, _RIGHT = 720, 120, 20
_STYLE = """
svg{--ink:#1b1f24;--quiet:#5b6470;--line:#c9ced6;--wait:#c2410c;--compute:#2563eb;--paper:#fff}
@media(prefers-color-scheme:dark){svg{--ink:#e8ebf0;--quiet:#a9b2be;--line:#454d59;
--wait:#fb923c;--compute:#6ea8fe;--paper:#14171c}}
text{font:12px system-ui,sans-serif;fill:var(--ink)}.quiet{fill:var(--quiet)}
.wait{fill:var(--wait)}.compute{fill:var(--compute)}.line{stroke:var(--line)}
.head{font-weight:600;font-size:13px}
"""


def draw(report: Mapping) -> str:
    """An SVG that stands alone, for light and dark pages.

    Args:
      report: the content of `input_report.json`.
    """
    lanes = _lanes(report["timeline"], top=62)
    speeds = _speeds(report["images_per_second"], top=190)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} 300" role="img">'
        f"<title>Input report</title><desc>{escape(report['line'])}</desc>"
        f'<style>{_STYLE}</style><rect width="{_WIDTH}" height="300" fill="var(--paper)"/>'
        f'<text class="head" x="{_LEFT}" y="22">{escape(report["line"])}</text>'
        f"{lanes}{speeds}</svg>\n"
    )


def _lanes(timeline, top: int) -> str:
    total = sum(step["wait_ms"] + step["compute_ms"] for step in timeline)
    if not total:
        return ""
    scale = (_WIDTH - _LEFT - _RIGHT) / total  # pixels a millisecond
    first, last = timeline[0]["step"], timeline[-1]["step"]
    parts = [
        f'<text class="quiet" x="{_LEFT}" y="{top - 14}">steps {first:,} to {last:,}, '
        f"around the one that waited longest: {total:,.1f} ms</text>"
    ]
    for name, key, y in (
        ("waiting for data", "wait_ms", top),
        ("computing", "compute_ms", top + 34),
    ):
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 17}" text-anchor="end">{name}</text>'
            f'<path class="line" d="M{_LEFT} {y + 26}H{_WIDTH - _RIGHT}"/>'
        )
        at = float(_LEFT)
        for step in timeline:
            start = at + (step["wait_ms"] * scale if key == "compute_ms" else 0.0)
            width = step[key] * scale
            at += (step["wait_ms"] + step["compute_ms"]) * scale
            # A hair of space tells one step from the next.
            drawn = max(width - 0.8, width * 0.6)
            if drawn >= 0.05:
                parts.append(
                    f'<rect class="{key[:-3]}" x="{start:.2f}" y="{y}" width="{drawn:.2f}" '
                    'height="24"/>'
                )
    return "".join(parts)


def _speeds(rates: Mapping, top: int) -> str:
    names = {"first_epoch": "first epoch", "later_epochs": "later epochs", "ceiling": "no input"}
    known = {name: rates[key] for key, name in names.items() if rates[key]}
    most = max(known.values(), default=0)
    parts = [f'<text class="quiet" x="{_LEFT}" y="{top - 14}">images a second</text>']
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
