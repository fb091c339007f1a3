"""The table, the JSON and the plot."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from benchmarks.input import limits, variants

_OURS = "#1a7f5a"
_OTHERS = "#9aa5b1"
_LIMITS = "#d9a441"


def medians(rounds: dict[str, list[float]]) -> dict[str, float]:
    return {name: float(np.median(rates)) for name, rates in rounds.items() if rates}


@dataclasses.dataclass(frozen=True)
class Promise:
    """A figure that the project promises.

    Attributes:
      what: it is about.
      value: as measured, None where it was not.
      bound: what is promised.
      at_least: whether the value is to be the bound or more; otherwise the bound or less.
    """

    what: str
    value: float | None
    bound: float
    at_least: bool = True

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def line(self) -> str:
        verdict = {True: "met", False: "NOT met", None: "not measured"}[self.met]
        value = "" if self.value is None else f"{self.value:,.2f}"
        return (
            f"{self.what:<64}{value:>9} {'≥' if self.at_least else '≤'} {self.bound:>5g}  {verdict}"
        )


def promises(
    rates: dict[str, float],
    core_rates: dict[str, float],
    kinds: dict[str, str],
    waits: dict[str, dict],
    cores: int,
) -> list[Promise]:
    """What the project promises, each a figure of this one run."""

    def ratio(name, other, times=1, of=rates):
        return of[name] / (times * of[other]) if {name, other} <= of.keys() else None

    later, first, cold = variants.OURS_MEMORY, variants.OURS_FIRST, variants.OURS_DISK
    full = limits.FULL_DECODE
    everywhere = limits.FULL_DECODE_EVERYWHERE
    peer_later, peer_first = (_best_peer(rates, kinds, kind) for kind in ("later", "first"))
    # On a disk that is slower than that, 0.8 of plain reading is what is promised.
    disk_limit = min(6000, 0.8 * rates[limits.READING]) if limits.READING in rates else 6000
    found = [
        Promise("later epochs in RAM ÷ usual tf.data", ratio(later, variants.NAIVE), 60),
        Promise("later epochs in RAM ÷ best peer", ratio(later, peer_later), 2.5),
        Promise("later epochs in RAM ÷ memcpy", ratio(later, limits.MEMCPY), 0.7),
        Promise("first epoch ÷ best of PyTorch and Grain", ratio(first, peer_first), 2),
        Promise("first epoch ÷ (cores × full decode)", ratio(first, full, cores), 1),
        Promise("  ÷ full decode on all cores at once", ratio(first, everywhere), 1),
        Promise("  in core time", ratio(first, full, of=core_rates), 1),
        Promise("local disk, cold, images/s", rates.get(cold), round(disk_limit)),
    ]
    for name, measured in waits.items():
        found += [
            Promise(f"waits of {name}, %", 100 * measured["wait_share"], 1, at_least=False),
            Promise("  p99, % of a step", 100 * measured["wait_p99"], 5, at_least=False),
        ]
    return found


def _best_peer(rates: dict[str, float], kinds: dict[str, str], kind: str) -> str | None:
    peers = (name for name in rates if kinds[name] == kind and _is_peer(name))
    return max(peers, key=rates.get, default=None)


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
    about = f"{result['cores']} cores, median of {result['rounds']} rounds"
    _plot(folder / "throughput.png", result["images_per_second"], result["kinds"], about)


def _plot(path: Path, rates: dict[str, float], kinds: dict[str, str], about: str) -> None:
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
        axis.set_title(f"{title}: images/s, 64×224×224×3, {about}", loc="left", fontsize=10, pad=8)
        axis.tick_params(labelsize=8, left=False)
        axis.xaxis.set_visible(False)
        axis.margins(x=0.12)
        axis.spines[:].set_visible(False)
    kinds_shown = {"ours": _OURS, "others": _OTHERS, "the machine by itself": _LIMITS}
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in kinds_shown.values()]
    figure.legend(
        handles, kinds_shown, loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _belongs(name: str, title: str) -> bool:
    if not name.startswith("limit"):
        # The same tensors again and again, nothing moved: in the table, but no bar is like it.
        return name != variants.FROZEN
    return ("decode" in name) == title.startswith("First")
