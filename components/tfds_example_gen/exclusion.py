"""Leaves examples out by their label."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from failures import Failure, did_you_mean


@dataclass(frozen=True)
class Exclusion:
    """Which examples are left out.

    Attributes:
        feature: The label's name in an Example.
        names: Of its classes, in the order of their ids; none where it is a number or text.
        labels: Those whose examples are left out: names, numbers or texts.
    """

    feature: str
    names: tuple[str, ...]
    labels: tuple[str, ...]

    def label_of(self, record: bytes) -> str | None:
        """The label of a serialized Example, where it is one of those left out."""
        feature = tf.train.Example.FromString(record).features.feature[self.feature]
        values = [*feature.int64_list.value, *feature.bytes_list.value]
        for value in values:
            if isinstance(value, bytes):
                label = value.decode(errors="replace")
            else:
                label = self.names[value] if 0 <= value < len(self.names) else str(value)
            if label in self.labels:
                return label
        return None


def exclusion(
    dataset: str,
    feature: str,
    names: Sequence[str],
    labels: Sequence[str],
    features: Sequence[str],
) -> Exclusion | None:
    """What `labels` leave out of a dataset whose classes have these names; None without any.

    Args:
        features: All that the dataset's Examples have.

    Raises:
        Failure: The dataset has no such feature or class.
    """
    if not labels:
        return None
    # TFDS stores some features in parts, such as "tags/ragged_flat_values".
    if not any(f"{feature}/".startswith(f"{known}/") for known in features):
        raise Failure(
            f"exclude_labels: {dataset} has no feature {feature!r}, where label_feature says that "
            f"the class is. Set label_feature to one of: {', '.join(sorted(features))}."
        )
    for label in labels if names else ():
        if label not in names:
            near = did_you_mean(label, names)
            raise Failure(f"exclude_labels: {dataset} has no class {label!r} in {feature}{near}")
    return Exclusion(feature, tuple(names), tuple(labels))
