"""A directed graph as inline SVG: a column of boxes, and lanes for the edges that pass boxes by.

Boxes stand below each other in the order given, so that the graph is as wide as a
phone, whatever it holds; an edge to the next box is straight, all others of one
box share a lane at its side.
"""

import dataclasses
from html import escape

_BOX, _TALL, _GAP = 228, 46, 22  # pixels: width and height of a box, between two of them
_LANE = 15  # pixels between two lanes
_TONES = ("one", "two", "three", "four")


@dataclasses.dataclass(frozen=True)
class Box:
    """One box; `kind` is a class of the style, `share` (0..1) the length of a bar in it."""

    key: str
    title: str
    note: str
    kind: str = ""
    share: float = 0.0


def column(label, boxes, edges):
    """The graph.

    Args:
      label: what it shows, for a screen reader; what it holds must stand beside it as text.
      boxes: list of Box, each after all that lead to it.
      edges: [(key, key)], downwards.
    """
    rows = {box.key: row for row, box in enumerate(boxes)}
    known = {(a, b) for a, b in edges if a in rows and b in rows and rows[a] < rows[b]}
    straight = {(a, b) for a, b in known if rows[b] == rows[a] + 1}
    targets = {}
    for a, b in known - straight:
        targets.setdefault(a, []).append(rows[b])
    lanes = _lanes({rows[a]: max(ends) for a, ends in targets.items()})
    width = _BOX + 14 + _LANE * (1 + max(lanes.values(), default=-1)) + 4
    height = len(boxes) * (_TALL + _GAP) - _GAP + 4
    drawn = [_arrow_down(rows[a]) for a, _ in straight]
    drawn += [_lane(rows[a], sorted(ends), lanes[rows[a]]) for a, ends in targets.items()]
    drawn += [_box(row, box) for row, box in enumerate(boxes)]
    return (
        f'<svg class=graph viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(drawn)}</svg>"
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


def _box(row, box):
    y = _top(row)
    share = max(0.0, min(1.0, box.share))
    done = (
        f'<rect class=done x="2" y="{y + _TALL - 4}" width="{share * (_BOX - 2):.1f}" height="3"/>'
    )
    return (
        f'<g class="box {box.kind}"><rect x="1" y="{y}" width="{_BOX}" height="{_TALL}" rx="7"/>'
        f"{done if share > 0.005 else ''}"
        f'<text class=name x="13" y="{y + 19}">{escape(box.title)}</text>'
        f'<text x="13" y="{y + 36}">{escape(box.note)}</text></g>'
    )


def _arrow_down(row):
    x, y = 30, _top(row) + _TALL
    return f'<path class=edge d="M{x} {y}V{y + _GAP - 2}"/>{_head(x, y + _GAP - 1, "down")}'


def _lane(row, ends, lane):
    """Out of the right side low, into the right side high: the two ways do not cover each other."""
    tone = _TONES[lane % len(_TONES)]
    right, x = _BOX + 1, _BOX + 14 + _LANE * lane
    start = _top(row) + _TALL - 11
    last = _top(ends[-1]) + 12
    path = f"M{right} {start}H{x - 6}q6 0 6 6V{last - 6}q0 6 -6 6H{right + 5}"
    for end in ends[:-1]:
        y = _top(end) + 12
        path += f"M{x} {y - 6}q0 6 -6 6H{right + 5}"
    heads = "".join(_head(right + 1, _top(end) + 12, "left", tone) for end in ends)
    return f'<path class="edge {tone}" d="{path}"/>{heads}'


def _head(x, y, way, tone=""):
    shape = f"M{x} {y}l-4 -7h8z" if way == "down" else f"M{x} {y}l7 -4v8z"
    return f'<path class="head {tone}" d="{shape}"/>'
