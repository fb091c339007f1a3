"""The data: version, counts, labels, sample images, anomalies, drift."""

import json
from html import escape

from report import anomalies, drift, examples, pictures, statistics
from report.confusion import is_segmentation
from report.markup import Safe, bar, section, side, table

_CLASSES, _EACH, _READ = 12, 4, 600  # pictured classes, pictures of each, records looked at
_MASKS = 8


def render(run, previous):
    if not run.artifact("TfdsExampleGen", "examples"):
        return section("data", "Data", anomalies.render(run))
    splits = statistics.read_splits(run)
    body = (
        _identity(run)
        + (
            side(_counts(run, splits), _pixels(run)) + _masks(run)
            if is_segmentation(run)
            else side(_counts(run, splits), _labels(run, splits)) + _samples(run)
        )
        + anomalies.render(run)
        + drift.render(run, previous)
    )
    return section("data", "Data", body)


def _identity(run):
    said = {
        name: run.said("TfdsExampleGen", "examples", name) for name in ("dataset", "fingerprint")
    }
    return (
        f"<p><strong>{escape(said['dataset'] or 'unnamed data')}</strong>, fingerprint "
        f"<code>{escape((said['fingerprint'] or 'not recorded')[:16])}</code></p>"
    )


def _counts(run, splits):
    """Examples of each split, and how many Transform dropped of them."""
    raw = json.loads(run.said("TfdsExampleGen", "examples", "counts") or "{}")
    raw = raw or {split: dataset.num_examples for split, dataset in splits.items()}
    asked = run.configuration.get("data", {}).get("splits", {})
    dropped = json.loads(run.said("Transform", "transformed_examples", "dropped") or "{}")
    most = max(raw.values(), default=0)
    rows = [
        (split, asked.get(split) or "", bar(int(count), most), dropped.get(split, 0))
        for split, count in raw.items()
    ]
    return table("Examples of each split", ("split", "is", "examples", "corrupt, dropped"), rows)


def _labels(run, splits):
    label = run.configuration.get("data", {}).get("label_feature", "label")
    names = statistics.class_names(run, label)
    counts = {
        split: statistics.label_counts(dataset, label, names) for split, dataset in splits.items()
    }
    counts = {split: labels for split, labels in counts.items() if labels}
    if not counts:
        return "<p>The labels were not counted by class.</p>"
    classes = list(dict.fromkeys(name for labels in counts.values() for name in labels))
    shown = classes[:60]
    most = {split: max(labels.values()) for split, labels in counts.items()}
    rows = [
        (name, *(bar(counts[split].get(name, 0), most[split]) for split in counts))
        for name in shown
    ]
    more = f"<p>{len(classes) - 60:,} more classes are not shown.</p>" if classes[60:] else ""
    return table("Labels of each split", ("class", *counts), rows) + more


def _samples(run):
    data = run.configuration.get("data", {})
    image, label = data.get("image_feature", "image"), data.get("label_feature", "label")
    names = statistics.class_names(run, label)
    found = {}
    for example in examples.read_examples(run, "train", _READ):
        name = _label(example.get(label), names)
        taken = found.setdefault(name, []) if len(found) < _CLASSES or name in found else None
        if taken is not None and len(taken) < _EACH and example.get(image):
            taken.append(example[image][0])
        if len(found) == _CLASSES and all(len(taken) == _EACH for taken in found.values()):
            break
    order = {name: place for place, name in enumerate(names)}
    rows = "".join(
        f"<li><figure><div class=strip>{_strip(name, found[name])}</div><figcaption>"
        f"{escape(name)}</figcaption></figure></li>"
        for name in sorted(found, key=lambda name: (order.get(name, 0), name))
    )
    return f"<h3>Sample images of train</h3><ul class=pictures>{rows}</ul>" if rows else ""


def _strip(name, images):
    return "".join(
        pictures.picture(image, f"Example {number} of class {name}")
        for number, image in enumerate(images, 1)
    )


def _label(values, names):
    if not values:
        return "(no label)"
    value = values[0]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else str(value)


def _pixels(run):
    """The training masks' pixels of each class; "" where Transform left no counts."""
    found = run.json("Transform", "transform_graph", "mask_statistics.json")
    if not found:
        return ""
    pixels = {**found["pixels"], "no class": found["pixels_of_no_class"]}
    total = sum(pixels.values()) or 1
    rows = [(name, count, bar(count / total, 1.0)) for name, count in pixels.items()]
    return table("Pixels of train by class", ("class", "pixels", "share"), rows)


def _masks(run):
    data = run.configuration["data"]
    classes = dict(data.get("mask_classes") or {})
    rows = []
    for number, example in enumerate(examples.read_examples(run, "train", _MASKS), 1):
        image, mask = example.get(data["image_feature"]), example.get(data["mask_feature"])
        if image and mask:
            rows.append(
                f"<li><figure><div class=strip>{pictures.picture(image[0], f'Image {number}')}"
                f"{pictures.mask_picture(mask[0], f'Mask of image {number}', classes.values())}"
                f"</div><figcaption>Image {number} and its mask</figcaption></figure></li>"
            )
    if not rows:
        return ""
    return Safe(
        f"<h3>Sample images of train with their masks</h3>{pictures.legend(classes)}"
        f'<ul class="pictures large twin">{"".join(rows)}</ul>'
    )
