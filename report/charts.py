"""Line charts over the epochs: what a template draws as SVG, and the same in words."""

import dataclasses
import math
from typing import NamedTuple

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 58, WIDTH - 10, 10, HEIGHT - 24  # where the lines are drawn
_MOST_POINTS = 240  # more than one a pixel would only make the file larger
_LARGE_DOTS = 40  # points up to which each can be pointed at


class Series(NamedTuple):
    """One line: a value for each epoch, None where there is none."""

    name: str
    values: list[float | None]
    tone: str = "one"  # a colour of the style
    dashed: bool = False


class Point(NamedTuple):
    epoch: int
    value: float
    x: float
    y: float


@dataclasses.dataclass(frozen=True)
class Chart:
    """Where everything lies, in pixels from the upper left corner.

    Attributes:
      title: what is drawn.
      label: the title, and each series' first and last value.
      series: [(Series, [Point])].
      rows: [(y, text)] of the grid.
      epochs: [(x, text)] below it.
      best: x of the marked epoch, or None.
    """

    title: str
    label: str
    series: list
    rows: list
    epochs: list
    best: float | None

    def radius(self, points):
        return 2.6 if len(points) <= _LARGE_DOTS else 1.2


def chart(title, series, best=None):
    """The Chart of some Series over the epochs, from 1; None where there is nothing to draw.

    Args:
      series: list of Series.
      best: an epoch to mark, or None.
    """
    words = "; ".join(_ends(s) for s in series if any(value is not None for value in s.values))
    series = [s._replace(values=[_drawable(value) for value in s.values]) for s in series]
    series = [s for s in series if any(value is not None for value in s.values)]
    if not series:
        return None
    epochs = max(len(s.values) for s in series)
    values = [value for s in series for value in s.values if value is not None]
    low, high = min(values), max(values)
    high = high if high > low else low + (abs(low) or 1.0)

    def x(epoch):
        part = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        return round(LEFT + part * (RIGHT - LEFT), 1)

    def y(value):
        return round(TOP + (high - value) / (high - low) * (BOTTOM - TOP), 1)

    below = [(x(epoch), str(epoch)) for epoch in sorted({1, epochs})]
    if epochs > 1:
        below.append(((LEFT + RIGHT) / 2, "epoch"))
    return Chart(
        title,
        f"{title}: {words}",
        [(s, [Point(e, v, x(e), y(v)) for e, v in _shown(s.values)]) for s in series],
        [(y(value), _tick(value)) for value in (low + (high - low) * n / 3 for n in range(4))],
        below,
        x(best) if best is not None and 1 <= best <= epochs else None,
    )


def _drawable(value):
    """A diverged loss is NaN or infinite, and has no place in a chart."""
    return value if value is not None and math.isfinite(value) else None


def _shown(values):
    step = max(1, len(values) // _MOST_POINTS)
    return [
        (epoch, value)
        for epoch, value in enumerate(values, 1)
        if value is not None and ((epoch - 1) % step == 0 or epoch == len(values))
    ]


def _tick(value):
    """A number of at most seven characters, for which there is room beside the axis."""
    plain = f"{value:.3g}"
    return plain if len(plain) <= 7 else f"{value:.1e}"


def _ends(series):
    values = [value for value in series.values if value is not None]
    return f"{series.name} from {values[0]:.4g} to {values[-1]:.4g}"
