"""The components of the run as a graph, and the same as a list."""

from report import graph

_SIGNS = {"ran": "●", "cached": "○", "failed": "✕", "stopped": "■"}
_TONES = {"ran": "good", "cached": "calm", "failed": "bad", "stopped": "bad"}
_KINDS = {"ran": "", "cached": "cached", "failed": "failed", "stopped": "failed"}


def view(run, previous):
    """What the template shows; None without components."""
    nodes = run.nodes.values()
    if not nodes:
        return None
    edges = run.edges()
    longest = max(node.seconds for node in nodes) or 1
    boxes = [
        graph.Box(
            node.name,
            node.name,
            f"{_SIGNS[node.status]} {_result(node)}",
            _KINDS[node.status],
            node.seconds / longest,
        )
        for node in nodes
    ]
    return {
        "graph": graph.column(boxes, [(source, target) for source, target, _ in edges]),
        "counts": [
            (count, status)
            for status in _SIGNS
            if (count := sum(node.status == status for node in nodes))
        ],
        "steps": [(node, _result(node), _TONES[node.status]) for node in nodes],
        "edges": edges,
    }


def _result(node):
    if node.status == "cached":
        return "cached"
    how = "in" if node.status == "ran" else "after"
    return f"{node.status} {how} {node.seconds:.1f} s"
