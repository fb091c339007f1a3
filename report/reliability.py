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


def lines(found, temperature, words):
    """[Line] of a Reliability: as the model answers and, if it was calibrated, as it would have.

    Args:
      words: a task's `CONFIDENCE`.
    """
    if temperature is None:
        return [_line("as it answers", found.bins, words, "one")]
    return [
        _line("calibrated", found.bins, words, "one"),
        _line("before", found.uncalibrated, words, "two", dashed=True),
    ]


def x(confidence):
    return round(LEFT + SIDE * confidence, 1)


def y(accuracy):
    return round(TOP + SIDE * (1 - accuracy), 1)


def _line(name, bins, words, tone, dashed=False):
    points, (_, across, upwards) = [], words
    for examples, right, confidence in bins:
        if examples:
            sure, hit = confidence / examples, right / examples
            text = f"{name}: {examples:,.0f} answers, {across} {sure:.3f}, {upwards} {hit:.3f}"
            points.append(Point(x(sure), y(hit), text))
    return Line(name, error(bins), points, tone, dashed)
