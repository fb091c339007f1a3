"""The schema that the statistics of image Examples suggest."""

from collections.abc import Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.statistics_gen import statistics_files
from failures import Failure
from settings.data import Features

TRAIN = "train"
# Class names up to this many become the label's domain; ValidationGate compares those of more.
MAX_CLASSES = 1000


def inferred_schema(
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList], features: Features
) -> schema_pb2.Schema:
    """A schema inferred from the split `train`, features sorted by name.

    Args:
      statistics: statistics by split name.
      features: images and masks become BYTES images, one in every example. The label gets
        one value in every example, or any number of them with `multi_label`, and, as domain, the
        classes of all splits: names, or the range of the ids.

    Raises:
      Failure: train is missing or empty, or lacks one of these features, or images
        or masks are not bytes, or there are several labels without `multi_label`.
    """
    if TRAIN not in statistics:
        raise Failure(
            f"There is no split {TRAIN} to infer a schema from, only {', '.join(statistics)}. "
            f"Name one split {TRAIN}."
        )
    train = statistics[TRAIN]
    if not statistics_files.num_examples(train):
        raise Failure(f"The split {TRAIN} holds no examples. Check the dataset's split expression.")
    _check_features(statistics_files.features(train), features)

    schema = tfdv.infer_schema(train, max_string_domain_size=MAX_CLASSES)
    for feature in schema.feature:
        if feature.name in features.pictures:
            _require_once(feature)
            feature.image_domain.SetInParent()
        elif feature.name == features.label:
            if features.multi_label:
                _allow_any_number(feature)
            else:
                _require_once(feature)
            _set_classes(schema, feature, statistics)
        else:
            feature.ClearField("domain")
    named = {feature.domain for feature in schema.feature if feature.HasField("domain")}
    for index in reversed(range(len(schema.string_domain))):
        if schema.string_domain[index].name not in named:
            del schema.string_domain[index]
    schema.feature.sort(key=lambda feature: feature.name)
    return schema


def _check_features(
    found: Mapping[str, statistics_pb2.FeatureNameStatistics], features: Features
) -> None:
    target = "label_feature" if features.mask_feature is None else "mask_feature"
    for key in ("image_feature", target):
        name = getattr(features, key)
        if name not in found:
            raise Failure(
                f"The examples of {TRAIN} have no feature {name!r}, only "
                f"{', '.join(sorted(found))}. Set {key} to one of them."
            )
        kind = statistics_pb2.FeatureNameStatistics.Type.Name(found[name].type)
        most = statistics_files.common(found[name]).max_num_values
        if key == "label_feature" and most > 1 and not features.multi_label:
            raise Failure(
                f"The label feature {name!r} holds up to {most} classes in an example of {TRAIN}. "
                "Set data.multi_label: true, or set label_feature to a feature of one class."
            )
        if key != "label_feature" and kind not in ("BYTES", "STRING"):
            raise Failure(
                f"The {key.replace('_', ' ')} {name!r} holds {kind} values instead of encoded "
                f"images. Set {key} to a feature of PNG or JPEG bytes."
            )


def _require_once(feature: schema_pb2.Feature) -> None:
    # Whatever the data look like: a missing image is an anomaly, not something to infer.
    feature.presence.min_fraction = 1.0
    feature.presence.min_count = 1
    feature.ClearField("value_count")
    feature.shape.CopyFrom(schema_pb2.FixedShape(dim=[schema_pb2.FixedShape.Dim(size=1)]))


def _allow_any_number(feature: schema_pb2.Feature) -> None:
    # An image may have no class, and more of them than those of train have.
    for field in ("presence", "shape", "value_count"):
        feature.ClearField(field)


def _set_classes(
    schema: schema_pb2.Schema,
    label: schema_pb2.Feature,
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
) -> None:
    counts = [
        statistics_files.class_counts(features[label.name])
        for features in map(statistics_files.features, statistics.values())
        if label.name in features
    ]
    complete = all(count is not None for count in counts)
    classes = {name for count in counts for name in count} if complete else set()
    if label.type == schema_pb2.INT:
        # TFDV gives counted integers a domain of strings; a range is what they have.
        label.ClearField("domain")
        label.int_domain.is_categorical = True
        if classes:
            label.int_domain.min = min(map(int, classes))
            label.int_domain.max = max(map(int, classes))
    for domain in schema.string_domain:
        if label.HasField("domain") and domain.name == label.domain:
            domain.value[:] = sorted(classes.union(domain.value))
