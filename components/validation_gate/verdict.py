"""Which anomalies there are, how many examples they touch, and whether they pass."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.example_validator import anomalies_files
from components.statistics_gen import statistics_files
from failures import Failure
from settings.validation import EMPTY_SPLIT, NO_COMMON_CLASS

TRAIN = "train"
EVERY_FEATURE = "*"
CLASSES_NOT_IN_TRAIN = "CLASSES_NOT_IN_TRAIN"
CLASSES_IN_TRAIN_ALONE = "CLASSES_IN_TRAIN_ALONE"
CLASSES_NOT_COUNTED = "CLASSES_NOT_COUNTED"
# A message names this many anomalies or classes, and counts the others.
MAX_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """One thing that is wrong with one feature of one split.

    `kind` is one of TFDV's `AnomalyInfo.Type` names or one of the constants above,
    `affected` how many of the split's `examples` it touches, None where unknown.
    """

    split: str
    feature: str
    kind: str
    description: str
    affected: int | None
    examples: int
    only_warns: bool = False

    def __str__(self) -> str:
        subject = f"split {self.split}"
        if self.feature != anomalies_files.DATASET:
            subject += f", feature {self.feature!r}"
        count = ""
        if self.affected is not None:
            count = f", {self.affected:,} of {self.examples:,} examples"
        return f"{subject}: {self.description} ({self.kind}{count})"


def find(
    anomalies: Mapping[str, anomalies_pb2.Anomalies],
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
    label_feature: str | None,
) -> list[Anomaly]:
    """TFDV's anomalies and our own, split by split; first those with a count."""
    found = []
    for split, split_anomalies in anomalies.items():
        found += _from_tfdv(split, split_anomalies, statistics[split])
        if not statistics_files.num_examples(statistics[split]):
            description = "The split has no examples"
            found.append(Anomaly(split, anomalies_files.DATASET, EMPTY_SPLIT, description, None, 0))
    if label_feature is not None:
        found += _unmatched_classes(statistics, label_feature)
    return sorted(found, key=lambda anomaly: anomaly.affected is None)


def refused(found: Sequence[Anomaly], allow: Mapping[str, Sequence[str]]) -> list[Anomaly]:
    """Those anomalies that `allow` (types by feature name, or by `*`) does not list."""
    return [
        anomaly
        for anomaly in found
        if anomaly.kind not in (*allow.get(anomaly.feature, ()), *allow.get(EVERY_FEATURE, ()))
    ]


def check(anomalies: Sequence[Anomaly], max_anomalies: int) -> None:
    """Accepts at most `max_anomalies` anomalies.

    Raises:
      Failure: there are more; names the first of them.
    """
    if len(anomalies) <= max_anomalies:
        return
    noun = "anomaly" if len(anomalies) == 1 else "anomalies"
    raise Failure(
        f"{len(anomalies)} {noun} in the data, {max_anomalies} allowed: {_named(anomalies)}. "
        "Correct the data or the schema, or allow these anomaly types."
    )


def check_overlap(
    overlap: Sequence[statistics_files.Overlap],
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
    most: float | None,
) -> None:
    """Accepts two splits that share images up to a share of the smaller one's examples.

    Raises:
      Failure: they share more; names the first two that do.
    """
    for shared in overlap if most is not None else ():
        share, smaller = max(
            (shared.count / max(1, statistics_files.num_examples(statistics[split])), split)
            for split in (shared.one, shared.other)
        )
        if share > most:
            raise Failure(
                f"{statistics_files.describe_overlap(shared)}, {share:.2%} of "
                f"{smaller}; {most:.2%} allowed. Remove the copies, choose splits that do not "
                "overlap, or raise validation.max_overlap."
            )


def summary(errors: Sequence[Anomaly], warnings: Sequence[Anomaly]) -> str:
    """What passed, such as "no anomalies", with what there is to warn of."""
    text = anomalies_files.count_by_split(collections.Counter(error.split for error in errors))
    text = f"{text}, allowed" if errors else text
    return f"{text}; warning: {_named(warnings)}" if warnings else text


def _from_tfdv(
    split: str,
    anomalies: anomalies_pb2.Anomalies,
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> list[Anomaly]:
    examples = statistics_files.num_examples(statistics)
    features = statistics_files.features(statistics)
    # TFDV keeps the schema that it validated against beside the anomalies.
    schema = {feature.name: feature for feature in anomalies.baseline.feature}
    domains = {domain.name: domain for domain in anomalies.baseline.string_domain}
    found = []
    for feature, reason, only_warns in anomalies_files.reasons(anomalies):
        kind = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
        affected = _affected(kind, features.get(feature), examples, schema.get(feature), domains)
        text = reason.description.strip().rstrip(".")
        found.append(Anomaly(split, feature, kind, text, affected, examples, only_warns))
    return found


def _affected(
    kind: str,
    feature: statistics_pb2.FeatureNameStatistics | None,
    examples: int,
    declared: schema_pb2.Feature | None,
    domains: Mapping[str, schema_pb2.StringDomain],
) -> int | None:
    """How many examples an anomaly touches, None where the statistics do not say."""
    present = statistics_files.common(feature).num_non_missing if feature else 0
    if kind in ("SCHEMA_MISSING_COLUMN", "FEATURE_TYPE_LOW_FRACTION_PRESENT"):
        return examples - present
    if kind in ("SCHEMA_NEW_COLUMN", "UNEXPECTED_DATA_TYPE"):
        return present
    counts = statistics_files.class_counts(feature) if feature else None
    if not counts or declared is None or _has_several(feature):
        return None
    if kind == "ENUM_TYPE_UNEXPECTED_STRING_VALUES":
        domain = domains[declared.domain] if declared.domain else declared.string_domain
        known = set(domain.value)
        return sum(count for value, count in counts.items() if value not in known)
    if feature.type != statistics_pb2.FeatureNameStatistics.INT:
        return None
    if kind == "INT_TYPE_BIG_INT":
        return sum(n for value, n in counts.items() if int(value) > declared.int_domain.max)
    if kind == "INT_TYPE_SMALL_INT":
        return sum(n for value, n in counts.items() if int(value) < declared.int_domain.min)
    return None


def _has_several(feature: statistics_pb2.FeatureNameStatistics) -> bool:
    """Whether an example has several values, which are counted one by one."""
    return statistics_files.common(feature).max_num_values > 1


def _unmatched_classes(
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList], label_feature: str
) -> list[Anomaly]:
    """Where only train or only other splits have a label, and where that cannot be said."""
    classes, found = {}, []
    for split, split_statistics in statistics.items():
        label = statistics_files.features(split_statistics).get(label_feature)
        counts = statistics_files.class_counts(label) if label else {}
        if counts is None:
            found.append(_not_counted(split, split_statistics, label_feature))
        classes[split] = counts or {}
    every_counted = not found
    trained = classes.pop(TRAIN, {})
    unmeasured = trained.keys() - set().union(*classes.values())
    if classes and unmeasured and every_counted:
        examples = statistics_files.num_examples(statistics[TRAIN])
        found.append(_unmeasured(unmeasured, label_feature, examples))
    for split, counts in classes.items():
        unknown = _in_order(counts.keys() - trained.keys())
        if not unknown or not trained:
            continue
        none_known = len(unknown) == len(counts)
        label = statistics_files.features(statistics[split])[label_feature]
        affected = None if _has_several(label) else sum(counts[name] for name in unknown)
        found.append(
            Anomaly(
                split,
                label_feature,
                NO_COMMON_CLASS if none_known else CLASSES_NOT_IN_TRAIN,
                f"Classes that {TRAIN} lacks: {_shortened(unknown, ', ')}",
                affected,
                statistics_files.num_examples(statistics[split]),
                only_warns=not none_known,
            )
        )
    return found


def _unmeasured(classes: Iterable[str], label_feature: str, examples: int) -> Anomaly:
    return Anomaly(
        TRAIN,
        label_feature,
        CLASSES_IN_TRAIN_ALONE,
        f"Classes that no other split measures: {_shortened(_in_order(classes), ', ')}",
        None,
        examples,
        only_warns=True,
    )


def _in_order(classes: Iterable[str]) -> list[str]:
    """Whole numbers by their value."""
    return sorted(classes, key=lambda name: (len(name), name))


def _not_counted(
    split: str, statistics: statistics_pb2.DatasetFeatureStatisticsList, label_feature: str
) -> Anomaly:
    most = f"{statistics_files.MOST_CLASSES:,}"
    return Anomaly(
        split,
        label_feature,
        CLASSES_NOT_COUNTED,
        f"Its classes are not compared with those of other splits; up to {most} can be",
        None,
        statistics_files.num_examples(statistics),
        only_warns=True,
    )


def _named(anomalies: Sequence[Anomaly]) -> str:
    return _shortened([str(anomaly) for anomaly in anomalies], "; ")


def _shortened(names: Sequence[str], separator: str) -> str:
    text = separator.join(names[:MAX_NAMED])
    others = len(names) - MAX_NAMED
    return f"{text}{separator}and {others} more" if others > 0 else text
