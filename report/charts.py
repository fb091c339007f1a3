"""Line charts as inline SVG; every one says in words what it shows."""

import dataclasses
import math
from html import escape

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 10, 24
_MOST_POINTS = 240  # more than one a pixel would only make the file larger


@dataclasses.dataclass(frozen=True)
class Series:
    """One line: a value an epoch, None where there is none."""

    name: str
    values: list
    tone: str = "one"  # a colour of the style
    dashed: bool = False


def lines(title, series, best=None):
    """A chart of Series over the epochs, from 1; "" where there is nothing to draw.

    Args:
      title: what is drawn.
      series: Series, told apart by tone and by dashes.
      best: an epoch to mark, or None.
    """
    told = "; ".join(_told(s) for s in series if any(value is not None for value in s.values))
    series = [dataclasses.replace(s, values=[_drawable(v) for v in s.values]) for s in series]
    series = [s for s in series if any(value is not None for value in s.values)]
    if not series:
        return ""
    epochs = max(len(s.values) for s in series)
    values = [value for s in series for value in s.values if value is not None]
    low, high = min(values), max(values)
    frame = _Frame(low, high if high > low else low + (abs(low) or 1.0), epochs)
    drawn = "".join(_line(s, frame) for s in series)
    return (
        f"<figure class=chart><figcaption><strong>{escape(title)}</strong> {_keys(series)}"
        f'</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(f"{title}: {told}")}">{_axes(frame)}{_best(best, frame)}{drawn}'
        "</svg></figure>"
    )


def _drawable(value):
    """A diverged loss is NaN or infinite, and has no place in a chart."""
    return value if value is not None and math.isfinite(value) else None


@dataclasses.dataclass(frozen=True)
class _Frame:
    low: float
    high: float
    epochs: int

    def x(self, epoch):
        room = _WIDTH - _LEFT - _RIGHT
        return (
            _LEFT + (epoch - 1) * room / (self.epochs - 1) if self.epochs > 1 else _LEFT + room / 2
        )

    def y(self, value):
        room = _HEIGHT - _TOP - _BOTTOM
        return _TOP + (self.high - value) / (self.high - self.low) * room


def _line(series, frame):
    step = max(1, len(series.values) // _MOST_POINTS)
    shown = [
        (epoch, value)
        for epoch, value in enumerate(series.values, 1)
        if value is not None and ((epoch - 1) % step == 0 or epoch == len(series.values))
    ]
    points = " ".join(f"{frame.x(epoch):.1f},{frame.y(value):.1f}" for epoch, value in shown)
    kind = f"line {series.tone}{' dashed' if series.dashed else ''}"
    dots = "".join(
        f'<circle class="dot {series.tone}" cx="{frame.x(epoch):.1f}" cy="{frame.y(value):.1f}" '
        f'r="{2.6 if len(shown) <= 40 else 1.2}"><title>{escape(series.name)}, epoch {epoch}: '
        f"{value:.4g}</title></circle>"
        for epoch, value in shown
    )
    return f'<polyline class="{kind}" points="{points}"/>{dots}'


def _axes(frame):
    rows = [frame.low + (frame.high - frame.low) * part / 3 for part in range(4)]
    grid = "".join(
        f'<path class=grid d="M{_LEFT} {frame.y(value):.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 6}" y="{frame.y(value) + 4:.1f}" text-anchor="end">'
        f"{_tick(value)}</text>"
        for value in rows
    )
    ends = sorted({1, frame.epochs})
    below = "".join(
        f'<text x="{frame.x(epoch):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{epoch}</text>'
        for epoch in ends
    )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    name = f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">epoch</text>'
    return grid + below + (name if len(ends) > 1 else "")


def _tick(value):
    """A number of at most seven characters, which is what has room beside the axis."""
    plain = f"{value:.3g}"
    return plain if len(plain) <= 7 else f"{value:.1e}"


def _best(epoch, frame):
    if epoch is None or not 1 <= epoch <= frame.epochs:
        return ""
    x = frame.x(epoch)
    return (
        f'<path class=best d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"><title>best epoch</title></path>'
    )


def _told(series):
    values = [value for value in series.values if value is not None]
    return f"{series.name} from {values[0]:.4g} to {values[-1]:.4g}"


def _keys(series):
    return " ".join(
        f'<span class="key"><svg viewBox="0 0 22 6" aria-hidden="true"><path class="line {s.tone}'
        f'{" dashed" if s.dashed else ""}" d="M0 3H22"/></svg>{escape(s.name)}</span>'
        for s in series
    )
