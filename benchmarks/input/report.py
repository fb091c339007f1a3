"""The table, the promises and the plot.

`rates` is everywhere {name: (images per second, images per second of one core)}, and `kinds`
is {name: "first", "later" or "limit"}.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.input import limits, variants

_TITLES = {
    "first": "First epoch, from JPEG",
    "later": "Later epochs",
    "limit": "What the machine can do",
}
_COLOURS = {"ours": "#1a7f5a", "limit": "#d9a441"}
_OTHERS = "#9aa5b1"


def table(rates: dict, kinds: dict[str, str]) -> str:
    lines = []
    for kind, title in _TITLES.items():
        lines += ["", f"{title:<62}images/s  a core"]
        lines += [
            f"  {name:<58}{rate:>10,.0f}{of_a_core:>9,.0f}"
            for name, (rate, of_a_core) in rates.items()
            if kinds[name] == kind
        ]
    return "\n".join(lines)


def promises(rates: dict, kinds: dict[str, str], waits: dict) -> Iterator[str]:
    """Lines of what the project promises, each a figure of this one run.

    Args:
      waits: {name: (share of a step, its 99th percentile)} that a consumer waits for ours.
    """
    later, first = variants.OURS_MEMORY, variants.OURS_FIRST

    def best_peer(kind):
        peers = [n for n in rates if kinds[n] == kind and n.startswith(("PyTorch", "Grain"))]
        return max(peers, key=lambda name: rates[name][0], default=None)

    for what, ours, other, column, bound in (
        ("later epochs in RAM ÷ usual tf.data", later, variants.USUAL, 0, 60),
        ("later epochs in RAM ÷ best peer", later, best_peer("later"), 0, 2.5),
        ("later epochs in RAM ÷ memcpy", later, limits.MEMCPY, 0, 0.7),
        ("first epoch ÷ best of PyTorch and Grain", first, best_peer("first"), 0, 2.5),
        ("first epoch ÷ full decode on all cores at once", first, limits.DECODE, 0, 1),
        ("  in core time", first, limits.DECODE, 1, 1),
    ):
        if other is None:
            yield f"  {what:<64} not measured: the peer is not installed"
        else:
            value = rates[ours][column] / rates[other][column]
            yield _line(what, value, "≥", bound, value >= bound)
    for name, (share, p99) in waits.items():
        yield _line(f"waits at 0.8 of the rate: {name}, %", 100 * share, "≤", 1, share <= 0.01)
        yield _line("  p99, % of a step", 100 * p99, "≤", 5, p99 <= 0.05)


def _line(what, value, sign, bound, met):
    return f"  {what:<72}{value:>9,.2f} {sign} {bound:>4g}  {'met' if met else 'NOT met'}"


def plot(path: Path, rates: dict, kinds: dict[str, str], rounds: int) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = {kind: [name for name in rates if kinds[name] == kind] for kind in ("first", "later")}
    panels["first"].append(limits.DECODE)
    panels["later"].append(limits.MEMCPY)
    heights = [len(names) for names in panels.values()]
    figure, axes = pyplot.subplots(
        2, 1, figsize=(10, 0.36 * sum(heights) + 1.6), height_ratios=heights, layout="constrained"
    )
    about = f"images/s, 64×224×224×3, {os.cpu_count()} cores, median of {rounds} rounds"
    for axis, (kind, names) in zip(axes, panels.items(), strict=True):
        names.sort(key=lambda name: rates[name][0])
        colours = [_COLOURS.get(name.split(",")[0].split(":")[0], _OTHERS) for name in names]
        drawn = axis.barh(names, [rates[name][0] for name in names], color=colours)
        axis.bar_label(drawn, fmt="{:,.0f}", padding=4, fontsize=8)
        axis.set_title(f"{_TITLES[kind]}: {about}", loc="left", fontsize=10, pad=8)
        axis.tick_params(labelsize=8, left=False)
        axis.xaxis.set_visible(False)
        axis.margins(x=0.12)
        axis.spines[:].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
