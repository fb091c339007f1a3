"""Reads TFDV's anomalies without TensorFlow, whose import takes seconds."""

from collections.abc import Mapping
from pathlib import Path

from google.protobuf import message
from tensorflow_metadata.proto.v0 import anomalies_pb2

FILE_NAME = "SchemaDiff.pb"
DATASET = "dataset"


def read_folder(folder: Path) -> dict[str, anomalies_pb2.Anomalies]:
    """Anomalies below an artifact's local folder by split; a damaged file is left out."""
    found = {}
    for file in sorted(folder.glob(f"Split-*/{FILE_NAME}")):
        try:
            anomalies = anomalies_pb2.Anomalies.FromString(file.read_bytes())
        except (OSError, message.DecodeError):
            continue
        found[file.parent.name.removeprefix("Split-")] = anomalies
    return found


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
