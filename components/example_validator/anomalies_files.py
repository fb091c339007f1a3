"""TFDV's anomalies of an artifact's splits, without TensorFlow, whose import takes seconds."""

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.split_messages import SplitMessages

DATASET = "dataset"
_files = SplitMessages("SchemaDiff.pb", anomalies_pb2.Anomalies)
write, read, read_folder = _files.write, _files.read, _files.read_folder


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
