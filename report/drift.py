"""How far the data are from those of another run."""

from html import escape

from report import statistics
from report.markup import table

_NAMED = 5  # labels whose share changed most


def render(run, previous):
    """The section's part: drift against the previous run; "" where there is none."""
    if not previous:
        return "<h3>Drift</h3><p>This is the first run: there is nothing to compare with.</p>"
    return (
        f"<h3>Drift against the previous run, {escape(previous.when)}</h3>{compare(run, previous)}"
    )


def compare(run, previous):
    """Tables of label distribution and features, split by split, as HTML."""
    now, then = statistics.read_splits(run), statistics.read_splits(previous)
    if not now or not then:
        return "<p>One of the runs has no statistics.</p>"
    prints = [r.said("TfdsExampleGen", "examples", "fingerprint") for r in (run, previous)]
    if prints[0] and prints[0] == prints[1]:
        same = (
            "The data are the same, byte for byte: the fingerprints are equal. Nothing has drifted."
        )
        return f"<p>{same}</p>"
    parts = [_labels(run, previous, now, then), _features(now, then)]
    return "".join(parts)


def _labels(run, previous, now, then):
    labels = [
        r.configuration.get("data", {}).get("label_feature", "label") for r in (run, previous)
    ]
    names = [
        statistics.class_names(r, label) for r, label in zip((run, previous), labels, strict=True)
    ]
    rows, moved = [], []
    for split in [name for name in now if name in then]:
        counts = statistics.label_counts(now[split], labels[0], names[0])
        before = statistics.label_counts(then[split], labels[1], names[1])
        if not counts or not before:
            continue
        furthest, divergence = statistics.distances(counts, before)
        rows.append(
            (
                split,
                sum(before.values()),
                sum(counts.values()),
                f"{furthest:.4f}",
                f"{divergence:.4f}",
            )
        )
        if split == "train":
            moved = _moved(counts, before)
    if not rows:
        return ""
    head = ("split", "labels before", "labels now", "L-infinity", "Jensen-Shannon")
    text = table("Distribution of the labels, 0: the same, 1: nothing in common", head, rows)
    return text + (
        table("Labels of train whose share changed most", _MOVED, moved) if moved else ""
    )


_MOVED = ("label", "share before", "share now", "change")


def _moved(counts, before):
    now, then = sum(counts.values()), sum(before.values())
    shares = {
        name: (before.get(name, 0) / then, counts.get(name, 0) / now) for name in {*counts, *before}
    }
    order = sorted(shares, key=lambda name: (-abs(shares[name][1] - shares[name][0]), name))
    return [
        (
            name,
            f"{100 * p:.2f}\N{NO-BREAK SPACE}%",
            f"{100 * q:.2f}\N{NO-BREAK SPACE}%",
            f"{100 * (q - p):+.2f}\N{NO-BREAK SPACE}points",
        )
        for name in order[:_NAMED]
        for p, q in [shares[name]]
        if abs(q - p) > 5e-5
    ]


def _features(now, then):
    rows, same = [], 0
    for split in [*now, *(name for name in then if name not in now)]:
        ours, theirs = _measured(now.get(split)), _measured(then.get(split))
        for name in dict.fromkeys([*ours, *theirs]):
            for measure in dict.fromkeys([*ours.get(name, {}), *theirs.get(name, {})]):
                a, b = theirs.get(name, {}).get(measure), ours.get(name, {}).get(measure)
                if a == b:
                    same += 1
                else:
                    rows.append((name, split, measure, _number(a), _number(b), _change(a, b)))
    head = ("feature", "split", "measure", "before", "now", "change")
    text = table("Measures of the features that changed", head, rows) if rows else ""
    return f"{text}<p>{same:,} measures of the features are the same.</p>"


def _measured(dataset):
    features = dataset.features if dataset else ()
    return {statistics.name_of(f): statistics.measures(f) for f in features}


def _number(value):
    return (
        "none" if value is None else f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
    )


def _change(before, now):
    if before is None or now is None:
        return "new" if before is None else "gone"
    return (
        f"{100 * (now - before) / before:+.1f}\N{NO-BREAK SPACE}%"
        if before
        else f"{now - before:+,.4g}"
    )
