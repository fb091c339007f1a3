"""The data: version, counts, labels, sample images, anomalies, drift."""

import itertools

from components.examples.reading import read_examples
from components.statistics_gen.statistics_files import num_examples
from components.validation_gate.verdict import find, refused
from report import drift, pictures
from settings.validation import Validation

_CLASSES, _EACH, _READ = 12, 4, 600  # pictured classes, pictures of each, records looked at
_MASKS = 8
_LISTED = 60  # classes of the table of labels


def view(run, previous):
    """What the template shows; None where no data came."""
    examples = run.examples
    if not examples and not run.anomalies:
        return None
    found = {"anomalies": _anomalies(run)}
    if not examples:
        return found
    found |= {
        "splits": run.data.counts or {s: num_examples(n) for s, n in run.statistics.items()},
        "drift": drift.compare(run, previous) if previous else None,
    }
    if run.is_segmentation:
        classes = run.features.mask_classes
        return found | {
            "legend": pictures.legend(classes),
            "masks": _masks(run.features, examples.folder),
        }
    return found | {"labels": _labels(run), "samples": _samples(run, examples.folder)}


def _labels(run):
    """The table of labels: {"splits": {split: its highest count}, "rows", "more"}."""
    counts = drift.label_counts(run)
    classes = list(dict.fromkeys(name for labels in counts.values() for name in labels))
    return {
        "splits": {split: max(labels.values()) for split, labels in counts.items()},
        "rows": [
            (name, [labels.get(name, 0) for labels in counts.values()])
            for name in classes[:_LISTED]
        ],
        "more": len(classes) - _LISTED,
    }


def _samples(run, folder):
    """[(class name, [Picture])] of train, in the order of the class ids."""
    names = run.label_names
    found = {}
    for example in itertools.islice(read_examples(folder, "train"), _READ):
        name = _label(example.get(run.features.label_feature), names)
        taken = found.setdefault(name, []) if len(found) < _CLASSES or name in found else None
        if taken is not None and len(taken) < _EACH and example.get(run.features.image_feature):
            taken.append(pictures.picture(example[run.features.image_feature][0]))
        if len(found) == _CLASSES and all(len(taken) == _EACH for taken in found.values()):
            break
    order = {name: place for place, name in enumerate(names)}
    ordered = sorted(found, key=lambda name: (order.get(name, 0), name))
    return [(name, [picture for picture in found[name] if picture]) for name in ordered]


def _label(values, names):
    if not values:
        return "(no label)"
    return ", ".join(_name(value, names) for value in values)


def _name(value, names):
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else str(value)


def _masks(features, folder):
    """[(image, its mask)] of train as Pictures."""
    found = []
    for example in itertools.islice(read_examples(folder, "train"), _MASKS):
        image, mask = example.get(features.image_feature), example.get(features.mask_feature)
        if image and mask:
            pair = pictures.picture(image[0]), pictures.mask_picture(mask[0], features)
            found.append(pair)
    return [pair for pair in found if all(pair)]


def _anomalies(run):
    """The anomalies as ValidationGate sees them, and what it made of each.

    None where they were not looked for, or cannot be listed any more.
    """
    looked_for = run.output("ExampleValidator", "anomalies")
    if not looked_for or not {"StatisticsGen", "ExampleValidator"}.isdisjoint(run.removed):
        return None
    limits = run.section("validation", Validation)
    splits = {split: found for split, found in run.anomalies.items() if split in run.statistics}
    found = find(splits, run.statistics, run.features.label)
    counted = refused([anomaly for anomaly in found if not anomaly.only_warns], limits.allow)
    gate = run.nodes.get("ValidationGate")
    return {
        "rows": [(anomaly, _fate(anomaly, anomaly in counted)) for anomaly in found],
        "allowed": limits.max_anomalies,
        "gate": gate,
        "failure": run.failure if gate and gate.status == "failed" else None,
    }


def _fate(anomaly, counted):
    """A word, and its tone of the style."""
    if anomaly.only_warns:
        return "warning", "calm"
    return ("counted", "bad") if counted else ("allowed", "good")
