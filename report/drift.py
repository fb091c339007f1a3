"""How far the data of a run are from those of another one."""

import math
from typing import NamedTuple

from components.statistics_gen.statistics_files import class_counts, common, features

_NAMED = 5  # labels whose share changed most
_NO_CHANGE = 5e-5  # of a share, which is shown in hundredths of a percent


class Split(NamedTuple):
    """The label distribution of one split, before and now."""

    name: str
    before: int  # labels
    now: int
    furthest: float  # L-infinity, 0..1
    divergence: float  # Jensen-Shannon, 0..1


class Measure(NamedTuple):
    """One measure of one feature that changed; None where the feature was not there."""

    feature: str
    split: str
    name: str
    before: float | None
    now: float | None


class Drift(NamedTuple):
    """What changed.

    Attributes:
      missing: whether one of the runs has no statistics; nothing else is known then.
      identical: whether the data have the same fingerprint; nothing was compared then.
      splits: the label distributions.
      moved: [(label, its share before, now)] of train, those that changed most.
      measures: those that changed.
      same: how many measures did not change.
    """

    missing: bool = False
    identical: bool = False
    splits: list[Split] = []
    moved: list[tuple[str, float, float]] = []
    measures: list[Measure] = []
    same: int = 0


def compare(run, previous):
    """The Drift from `previous` to `run`."""
    if not run.statistics or not previous.statistics:
        return Drift(missing=True)
    if run.data.fingerprint and run.data.fingerprint == previous.data.fingerprint:
        return Drift(identical=True)
    splits, moved = [], []
    now, then = label_counts(run), label_counts(previous)
    for name in [name for name in now if name in then]:
        totals = sum(then[name].values()), sum(now[name].values())
        splits.append(Split(name, *totals, *distances(now[name], then[name])))
        if name == "train":
            moved = _moved(then[name], now[name])
    return Drift(False, False, splits, moved, *_measures(run.statistics, previous.statistics))


def label_counts(run):
    """{split: {class name: examples}}, without splits whose labels were not counted by class."""
    label = run.features.label_feature
    names = run.label_names
    found = {}
    for split, statistics in run.statistics.items():
        feature = features(statistics).get(label)
        counts = class_counts(feature) if feature else None
        if counts:
            ordered = sorted(counts.items(), key=lambda item: _place(item[0]))
            found[split] = {_named(text, names): count for text, count in ordered}
    return found


def distances(counts, before):
    """(L-infinity, Jensen-Shannon divergence) of two label distributions, both 0..1.

    The measures of TFDV's drift comparators. The divergence takes logarithms to the base
    2, as in Lin, "Divergence measures based on the Shannon entropy", 1991.
    """
    pairs = [(p, q) for _, q, p in _shares(before, counts)]
    furthest = max((abs(p - q) for p, q in pairs), default=0.0)
    divergence = sum(_relative(p, (p + q) / 2) + _relative(q, (p + q) / 2) for p, q in pairs) / 2
    return furthest, max(divergence, 0.0)


def _relative(p, mean):
    return p * math.log2(p / mean) if p else 0.0


def _shares(before, now):
    """[(label, its share before, now)]."""
    then, total = sum(before.values()) or 1, sum(now.values()) or 1
    names = {*before, *now}
    return [(name, before.get(name, 0) / then, now.get(name, 0) / total) for name in names]


def _moved(before, now):
    rows = sorted(_shares(before, now), key=lambda row: (-abs(row[2] - row[1]), row[0]))
    return [row for row in rows[:_NAMED] if abs(row[2] - row[1]) > _NO_CHANGE]


def _place(text):
    """Class ids in their order, then names in theirs."""
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def _named(text, names):
    return names[int(text)] if text.isdecimal() and int(text) < len(names) else text


def _measures(now, then):
    """[Measure] that changed, and how many did not."""
    changed, same = [], 0
    for split in dict.fromkeys([*now, *then]):
        ours, theirs = _measured(now.get(split)), _measured(then.get(split))
        for feature, name in dict.fromkeys([*ours, *theirs]):
            before, after = theirs.get((feature, name)), ours.get((feature, name))
            if before == after:
                same += 1
            else:
                changed.append(Measure(feature, split, name, before, after))
    return changed, same


def _measured(statistics):
    """{(feature, measure): number} of one split."""
    found = {}
    for name, feature in features(statistics).items() if statistics else ():
        kind = feature.WhichOneof("stats")
        own = getattr(feature, kind)
        found[name, "examples with it"] = common(feature).num_non_missing
        if kind == "bytes_stats":
            found[name, "mean size in bytes"] = own.avg_num_bytes
        elif kind == "num_stats":
            found |= {(name, "mean"): own.mean, (name, "standard deviation"): own.std_dev}
        elif kind == "string_stats":
            found[name, "different values"] = own.unique
    return found
