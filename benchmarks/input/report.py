"""The table, the JSON and the plot."""

import json
from pathlib import Path

import numpy as np

from benchmarks.input import limits, variants

_OURS = "#1a7f5a"
_OTHERS = "#9aa5b1"
_LIMITS = "#d9a441"


def medians(rounds: dict[str, list[float]]) -> dict[str, float]:
    return {name: float(np.median(rates)) for name, rates in rounds.items() if rates}


def bars(
    rates: dict[str, float], core_rates: dict[str, float], kinds: dict[str, str], cores: int
) -> dict[str, float]:
    """The figures that the project promises, each a ratio within this one run."""
    later, first = rates[variants.OURS_MEMORY], variants.OURS_FIRST
    found = {
        "later epochs in RAM ÷ usual tf.data (≥ 60)": later / rates[variants.NAIVE],
        "later epochs in RAM ÷ memcpy (≥ 0.7)": later / rates[limits.MEMCPY],
        "first epoch ÷ (cores × full decode) (≥ 1.0)": rates[first]
        / (cores * rates[limits.FULL_DECODE]),
        "the same in core time": core_rates[first] / core_rates[limits.FULL_DECODE],
        "local disk, cold, images/s (≥ 6,000)": rates[variants.OURS_DISK],
        "local disk, cold ÷ plain reading (or ≥ 0.8)": rates[variants.OURS_DISK]
        / rates[limits.READING],
    }
    if best := _best_peer(rates, kinds, "later"):
        found["later epochs in RAM ÷ best peer (≥ 2.5)"] = later / best
    if best := _best_peer(rates, kinds, "first"):
        found["first epoch ÷ best of PyTorch and Grain (≥ 2)"] = rates[first] / best
        in_core_time = core_rates[first] / _best_peer(core_rates, kinds, "first")
        found["the same in core time, best peer"] = in_core_time
    return found


def _best_peer(rates: dict[str, float], kinds: dict[str, str], kind: str) -> float | None:
    peers = (rates[name] for name in rates if kinds[name] == kind and _is_peer(name))
    return max(peers, default=None)


def _is_peer(name: str) -> bool:
    return name.startswith(("PyTorch", "Grain"))


def table(rates: dict[str, float], core_rates: dict[str, float], kinds: dict[str, str]) -> str:
    titles = {
        "first": "first epoch, from JPEG",
        "later": "later epochs",
        "limit": "what the machine can do",
    }
    lines = []
    for kind, title in titles.items():
        lines += ["", f"{title:<62}images/s  a core"]
        lines += [
            f"  {name:<58}{rates[name]:>10,.0f}{core_rates[name]:>9,.0f}"
            for name in rates
            if kinds[name] == kind
        ]
    return "\n".join(lines)


def write(folder: Path, result: dict) -> None:
    """results.json and throughput.png below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    _plot(folder / "throughput.png", result["images_per_second"], result["kinds"])


def _plot(path: Path, rates: dict[str, float], kinds: dict[str, str]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [
        (title, [name for name in rates if kinds[name] in (kind, "limit")])
        for kind, title in (("first", "First epoch, from JPEG"), ("later", "Later epochs"))
    ]
    shown = [(title, [n for n in names if _belongs(n, title)]) for title, names in shown]
    heights = [len(names) for _, names in shown]
    figure, axes = pyplot.subplots(
        2, 1, figsize=(10, 0.36 * sum(heights) + 1.6), height_ratios=heights, layout="constrained"
    )
    for axis, (title, names) in zip(axes, shown, strict=True):
        names = sorted(names, key=rates.get)
        colours = [
            _LIMITS if n.startswith("limit") else _OURS if n.startswith("ours") else _OTHERS
            for n in names
        ]
        drawn = axis.barh(names, [rates[name] for name in names], color=colours)
        axis.bar_label(drawn, fmt="{:,.0f}", padding=4, fontsize=8)
        axis.set_title(f"{title}: images/s, 64×224×224×3", loc="left", fontsize=10)
        axis.tick_params(labelsize=8)
        axis.xaxis.set_visible(False)
        axis.margins(x=0.12)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _belongs(name: str, title: str) -> bool:
    if not name.startswith("limit"):
        # The same tensors again and again, nothing moved: in the table, but no bar is like it.
        return name != variants.FROZEN
    return ("decode" in name) == title.startswith("First")
