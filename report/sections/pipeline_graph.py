"""The components of the run as a graph, and the same as a list."""

from html import escape

from report import graph
from report.markup import badge, section

_TONES = {"ran": "good", "cached": "calm", "failed": "bad", "stopped": "bad"}
_KINDS = {"ran": "", "cached": "cached", "failed": "failed", "stopped": "failed"}


def render(run, previous):
    if not run.nodes:
        return ""
    edges = run.edges()
    longest = max(node.seconds for node in run.nodes.values()) or 1
    boxes = [
        graph.Box(
            node.name,
            node.name,
            f"{_SIGNS[node.status]} {_result(node)}",
            _KINDS[node.status],
            node.seconds / longest,
        )
        for node in run.nodes.values()
    ]
    drawn = graph.column(
        f"Graph of the {len(boxes)} components; the list beside it says the same.",
        boxes,
        [(source, target) for source, target, _ in edges],
    )
    steps = "".join(_step(node, edges) for node in run.nodes.values())
    body = (
        f"<p>{_told(run)}</p><div class=pair><div>{drawn}</div><ol class=steps>{steps}</ol></div>"
    )
    return section("pipeline", "Pipeline", body)


_SIGNS = {"ran": "●", "cached": "○", "failed": "✕", "stopped": "■"}


def _result(node):
    if node.status == "cached":
        return "cached"
    how = "in" if node.status == "ran" else "after"
    return f"{node.status} {how} {node.seconds:.1f} s"


def _step(node, edges):
    reads = [
        f"{escape(', '.join(outputs).replace('_', ' '))} of {escape(source)}"
        for source, target, outputs in edges
        if target == node.name
    ]
    made = "; ".join(node.summaries)
    return (
        f"<li><strong>{escape(node.name)}</strong> {badge(_result(node), _TONES[node.status])} "
        f"{escape(made)}<small>{'reads ' if reads else 'reads the source'}{'; '.join(reads)}"
        "</small></li>"
    )


def _told(run):
    counts = dict.fromkeys(_TONES, 0)
    for node in run.nodes.values():
        counts[node.status] += 1
    words = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    return (
        f"{len(run.nodes)} components in {run.seconds:.1f} s: {words}. "
        "A dashed box came from the cache; the bar in a box is its share of the longest time."
    )
