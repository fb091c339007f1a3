"""A directed graph as a column of boxes, with lanes for the edges that pass boxes by.

The boxes stand below each other in the order given, so the graph is as wide as a phone,
whatever it holds. An edge to the next box is straight; all others of one box share a lane
at its side. A template draws the result as SVG.
"""

import dataclasses
from typing import NamedTuple

_BOX, _TALL, _GAP = 228, 46, 22  # pixels: width and height of a box, between two of them
_LANE = 15  # pixels between two lanes
_TONES = ("one", "two", "three", "four")


class Box(NamedTuple):
    """One box; `kind` is a class of the style, `share` (0..1) the length of a bar in it."""

    key: str
    title: str
    note: str
    kind: str = ""
    share: float = 0.0


class Path(NamedTuple):
    """A path of SVG, and its colour of the style; "" for the usual one."""

    d: str
    tone: str = ""


@dataclasses.dataclass(frozen=True)
class Graph:
    """Where everything lies, in pixels.

    Attributes:
      width, height: of the whole.
      boxes: [(Box, its upper edge, length of its bar)].
      edges, heads: lists of Path; each edge ends in one head.
    """

    width: int
    height: int
    boxes: list
    edges: list[Path]
    heads: list[Path]
    box_width = _BOX
    box_height = _TALL


def column(boxes, edges):
    """The Graph.

    Args:
      boxes: list of Box, each after all that lead to it.
      edges: [(key, key)], downwards.
    """
    rows = {box.key: row for row, box in enumerate(boxes)}
    known = {(a, b) for a, b in edges if a in rows and b in rows and rows[a] < rows[b]}
    straight = {(a, b) for a, b in known if rows[b] == rows[a] + 1}
    targets = {}
    for a, b in known - straight:
        targets.setdefault(rows[a], []).append(rows[b])
    lanes = _lanes({row: max(ends) for row, ends in targets.items()})
    drawn = [_arrow_down(rows[a]) for a, _ in straight]
    drawn += [_lane(row, sorted(ends), lanes[row]) for row, ends in targets.items()]
    return Graph(
        _BOX + 14 + _LANE * (1 + max(lanes.values(), default=-1)) + 4,
        len(boxes) * (_TALL + _GAP) - _GAP + 4,
        [(b, _top(row), round(_clipped(b.share) * (_BOX - 2), 1)) for row, b in enumerate(boxes)],
        [edge for edge, _ in drawn],
        [head for _, heads in drawn for head in heads],
    )


def _lanes(ends):
    """{row: number of the lane} of {row: last row}: the first lane that is free all the way."""
    lanes, free_from = {}, []
    for row, end in sorted(ends.items()):
        lane = next((n for n, free in enumerate(free_from) if free <= row), len(free_from))
        free_from[lane : lane + 1] = [end]
        lanes[row] = lane
    return lanes


def _top(row):
    return 2 + row * (_TALL + _GAP)


def _clipped(share):
    return min(1.0, share) if share > 0.005 else 0.0


def _arrow_down(row):
    x, y = 30, _top(row) + _TALL
    return Path(f"M{x} {y}V{y + _GAP - 2}"), [Path(f"M{x} {y + _GAP - 1}l-4 -7h8z")]


def _lane(row, ends, lane):
    """Out of the right side low, into the right side high: the two ways do not overlap."""
    tone = _TONES[lane % len(_TONES)]
    right, x = _BOX + 1, _BOX + 14 + _LANE * lane
    start, last = _top(row) + _TALL - 11, _top(ends[-1]) + 12
    path = f"M{right} {start}H{x - 6}q6 0 6 6V{last - 6}q0 6 -6 6H{right + 5}"
    for end in ends[:-1]:
        y = _top(end) + 12
        path += f"M{x} {y - 6}q0 6 -6 6H{right + 5}"
    heads = [Path(f"M{right + 1} {_top(end) + 12}l7 -4v8z", tone) for end in ends]
    return Path(path, tone), heads
