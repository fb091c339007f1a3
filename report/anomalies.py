"""What ExampleValidator found in the data, and what ValidationGate made of it."""

import json
from html import escape
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import anomalies_pb2

from report.markup import badge, table

_WARNING = anomalies_pb2.AnomalyInfo.WARNING


def render(run):
    """The section's part; "" where nothing was validated."""
    artifact = run.artifact("ExampleValidator", "anomalies")
    gate = run.nodes.get("ValidationGate")
    if not artifact:
        return ""
    allow = json.loads(gate.properties.get("allow") or "{}") if gate else {}
    rows = [
        (
            feature,
            split,
            reason.description.strip(),
            _type(reason),
            _fate(feature, reason, warns, allow),
        )
        for split, feature, reason, warns in _read(Path(artifact.uri))
    ]
    parts = [f"<h3>Anomalies</h3><p>{escape(_told(rows, gate, run))}</p>"]
    if rows:
        head = ("feature", "split", "what is wrong", "type", "gate")
        parts.append(table("Anomalies against the schema", head, rows))
    return "".join(parts)


def _read(folder):
    """(split, feature, reason, whether it only warns) of every split."""
    for file in sorted(folder.glob("Split-*/SchemaDiff.pb")):
        try:
            found = anomalies_pb2.Anomalies.FromString(file.read_bytes())
        except (OSError, DecodeError):
            continue
        infos = [(".".join(info.path.step), info) for info in found.anomaly_info.values()]
        if found.HasField("dataset_anomaly_info"):
            infos.append(("dataset", found.dataset_anomaly_info))
        for feature, info in sorted(infos, key=lambda item: item[0]):
            for reason in info.reason:
                split = file.parent.name.removeprefix("Split-")
                yield split, feature, reason, info.severity == _WARNING


def _type(reason):
    return anomalies_pb2.AnomalyInfo.Type.Name(reason.type)


def _fate(feature, reason, warns, allow):
    if warns:
        return badge("warning", "calm")
    if _type(reason) in (*allow.get(feature, ()), *allow.get("*", ())):
        return badge("allowed", "good")
    return badge("counted", "bad")


def _told(rows, gate, run):
    found = f"TFDV found {len(rows) or 'no'} anomal{'y' if len(rows) == 1 else 'ies'}."
    if not gate:
        return f"{found} ValidationGate did not run."
    most = gate.properties.get("max_anomalies", 0)
    if gate.status == "failed":
        why = run.origin.get("failure") or f"More than the {most} allowed were counted."
        return f"{found} ValidationGate stopped the run. {why}"
    return f"{found} ValidationGate, which lets {most} pass, said: {'; '.join(gate.summaries)}."
