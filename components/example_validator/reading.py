"""Reads TFDV's anomalies without TensorFlow, whose import takes seconds."""

from collections.abc import Mapping
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2

from components import split_messages

FILE_NAME = "SchemaDiff.pb"
DATASET = "dataset"


def read_folder(folder: Path) -> dict[str, anomalies_pb2.Anomalies]:
    """Anomalies below an artifact's local folder by split."""
    return split_messages.read_folder(folder, FILE_NAME, anomalies_pb2.Anomalies)


def reasons(
    anomalies: anomalies_pb2.Anomalies,
) -> list[tuple[str, anomalies_pb2.AnomalyInfo.Reason, bool]]:
    """Each anomaly of a split: feature, TFDV's reason, and whether it is only a warning.

    Sorted by feature; the feature is "dataset" for what concerns the split as a whole.
    """
    infos = [(".".join(info.path.step), info) for info in anomalies.anomaly_info.values()]
    if anomalies.HasField("dataset_anomaly_info"):
        infos.append((DATASET, anomalies.dataset_anomaly_info))
    return [
        (feature, reason, info.severity == anomalies_pb2.AnomalyInfo.WARNING)
        for feature, info in sorted(infos, key=lambda item: item[0])
        for reason in info.reason
    ]


def count_by_split(counts: Mapping[str, int]) -> str:
    """Anomalies counted in words: "3 anomalies: train 1, test 2"; "no anomalies" if empty."""
    if not counts:
        return "no anomalies"
    noun = "anomaly" if sum(counts.values()) == 1 else "anomalies"
    parts = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    return f"{sum(counts.values()):,} {noun}: {parts}"
