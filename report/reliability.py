"""The reliability diagram: how often answers are right, by how sure the model was of them."""

import dataclasses
from typing import NamedTuple

from metrics.expected_calibration_error import error

SIDE, LEFT, TOP = 220, 44, 10  # pixels: of the square, and what is left of it and above
WIDTH, HEIGHT = LEFT + SIDE + 12, TOP + SIDE + 38
TICKS = [(part / 4, f"{part / 4:g}") for part in range(5)]


class Point(NamedTuple):
    """The answers of one bin."""

    x: float  # pixels from the upper left corner
    y: float
    text: str


@dataclasses.dataclass(frozen=True)
class Line:
    """One model: its bins that hold answers, and its expected calibration error."""

    name: str
    error: float
    points: list[Point]
    tone: str  # a colour of the style
    dashed: bool = False


def lines(found, temperature):
    """[Line] of a Reliability: as the model answers and, if it was calibrated, as it would have."""
    if temperature is None:
        return [_line("as it answers", found.bins, "one")]
    return [
        _line("calibrated", found.bins, "one"),
        _line("before", found.uncalibrated, "two", dashed=True),
    ]


def x(confidence):
    return round(LEFT + SIDE * confidence, 1)


def y(accuracy):
    return round(TOP + SIDE * (1 - accuracy), 1)


def _line(name, bins, tone, dashed=False):
    points = []
    for examples, right, confidence in bins:
        if examples:
            sure, hit = confidence / examples, right / examples
            text = f"{name}: {examples:,.0f} answers, confidence {sure:.3f}, accuracy {hit:.3f}"
            points.append(Point(x(sure), y(hit), text))
    return Line(name, error(bins), points, tone, dashed)
