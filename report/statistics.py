"""Counts and drift from TFDV's statistics of a run; no TensorFlow."""

import json
import math
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2


def read_splits(run):
    """{split: DatasetFeatureStatistics} of StatisticsGen's output, train first."""
    artifact = run.artifact("StatisticsGen", "statistics") if run else None
    files = Path(artifact.uri).glob("Split-*/FeatureStats.pb") if artifact else ()
    found = {}
    for file in files:
        try:
            whole = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        except (OSError, DecodeError):
            continue
        if whole.datasets:
            found[file.parent.name.removeprefix("Split-")] = whole.datasets[0]
    return {name: found[name] for name in sorted(found, key=_place)}


def _place(split):
    order = ("train", "validation", "test")
    return (order.index(split) if split in order else len(order), split)


def class_names(run, label):
    """Names of the label's classes by class id; [] where the data set has none."""
    names = run.said("TfdsExampleGen", "examples", "class_names") if run else None
    return json.loads(names).get(label) or [] if names else []


def label_counts(dataset, label, names=()):
    """{label: examples} of one split, by name where there are names; {} if not counted."""
    for feature in dataset.features if dataset else ():
        if name_of(feature) == label:
            buckets = feature.string_stats.rank_histogram.buckets
            counts = {_named(b.label, names): int(b.sample_count) for b in buckets}
            known = {name: place for place, name in enumerate(names)}
            return dict(sorted(counts.items(), key=lambda item: (known.get(item[0], 0), item[0])))
    return {}


def name_of(feature):
    return feature.name or ".".join(feature.path.step)


def measures(feature):
    """What can be compared between runs of one feature: {measure: number}."""
    kind = feature.WhichOneof("stats")
    own = getattr(feature, kind)
    found = {"examples that have it": own.common_stats.num_non_missing}
    if kind == "bytes_stats":
        found["mean size in bytes"] = own.avg_num_bytes
    elif kind == "num_stats":
        found |= {"mean": own.mean, "standard deviation": own.std_dev}
    elif kind == "string_stats":
        found["different values"] = own.unique
    return found


def distances(counts, before):
    """(L-infinity, Jensen-Shannon divergence) of two label distributions, both 0..1.

    The measures of TFDV's drift comparators; the divergence has logarithms to the base
    2, as in Lin, "Divergence measures based on the Shannon entropy", 1991.
    """
    now, then = _shares(counts), _shares(before)
    names = {*now, *then}
    pairs = [(now.get(name, 0.0), then.get(name, 0.0)) for name in names]
    furthest = max((abs(p - q) for p, q in pairs), default=0.0)
    divergence = sum(_relative(p, (p + q) / 2) + _relative(q, (p + q) / 2) for p, q in pairs) / 2
    return furthest, max(divergence, 0.0)


def _relative(p, mean):
    return p * math.log2(p / mean) if p else 0.0


def _shares(counts):
    total = sum(counts.values()) or 1
    return {name: count / total for name, count in counts.items()}


def _named(text, names):
    return names[int(text)] if text.isdecimal() and int(text) < len(names) else text
