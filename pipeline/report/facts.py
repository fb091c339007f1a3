"""What one run left in ML Metadata and in its artifacts, as plain data."""

import dataclasses
import json
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "ran",
    metadata_store_pb2.Execution.CACHED: "cached",
}


@dataclasses.dataclass(frozen=True)
class Node:
    """One component of a run."""

    name: str
    status: str  # "ran", "cached" or "failed"
    seconds: float
    outputs: dict  # {output: Artifact proto}

    @property
    def summaries(self):
        told = [a.custom_properties["summary"].string_value for a in self.outputs.values()]
        return list(dict.fromkeys(text for text in told if text))


@dataclasses.dataclass(frozen=True)
class Run:
    """A run; `nodes` by component, in the order they started."""

    id: str
    nodes: dict

    def artifact(self, component, output):
        node = self.nodes.get(component)
        return node.outputs.get(output) if node else None

    def json(self, component, output, file):
        """A JSON file of an output; None where there is none."""
        artifact = self.artifact(component, output)
        path = Path(artifact.uri) / file if artifact else None
        return json.loads(path.read_text("utf-8")) if path and path.is_file() else None


def run_ids(store):
    """Ids of all runs, oldest first."""
    contexts = store.get_contexts_by_type("pipeline_run")
    ordered = sorted(contexts, key=lambda context: context.create_time_since_epoch)
    return [context.name for context in ordered]


def read_run(store, run_id):
    """The Run of that id; its context must be in the store."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    executions = sorted(store.get_executions_by_context(context.id), key=lambda e: e.id)
    types = {kind.id: kind.name.rsplit(".", 1)[-1] for kind in store.get_execution_types()}
    outputs = {execution.id: {} for execution in executions}
    events = store.get_events_by_execution_ids(list(outputs))
    made = [e for e in events if e.type == metadata_store_pb2.Event.OUTPUT]
    artifacts = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in made])}
    for event in made:
        outputs[event.execution_id][event.path.steps[0].key] = artifacts[event.artifact_id]
    nodes = {}
    for execution in executions:
        took = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        name = types[execution.type_id]
        status = _STATES.get(execution.last_known_state, "failed")
        nodes[name] = Node(name, status, took / 1000, outputs[execution.id])
    return Run(run_id, nodes)


def label_counts(run, split, label):
    """{label: examples} of a split from its statistics; {} where they have none."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    artifact = run.artifact("StatisticsGen", "statistics")
    file = Path(artifact.uri) / f"Split-{split}" / "FeatureStats.pb" if artifact else None
    if not file or not file.is_file():
        return {}
    statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
    for feature in statistics.datasets[0].features:
        if (feature.name or "".join(feature.path.step)) == label:
            ranks = feature.string_stats.rank_histogram.buckets
            return {bucket.label: int(bucket.sample_count) for bucket in ranks}
    return {}


def sample_images(run, image, label, most=10):
    """[(class name, encoded image)]: the first of each class in the first shard of train."""
    from tensorflow.core.example import example_pb2

    artifact = run.artifact("TfdsExampleGen", "examples")
    shards = sorted(Path(artifact.uri).glob("Split-train/*")) if artifact else []
    named = (
        json.loads(artifact.custom_properties["class_names"].string_value or "{}") if shards else {}
    )
    names, found = named.get(label), {}
    for record in _records(shards[0], 500) if shards else ():
        features = example_pb2.Example.FromString(record).features.feature
        number, text = features[label].int64_list.value, features[label].bytes_list.value
        value = number[0] if number else (text[0].decode(errors="replace") if text else "?")
        name = (
            names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value
        )
        if str(name) not in found and len(features[image].bytes_list.value[0]) < 100_000:
            found[str(name)] = features[image].bytes_list.value[0]
        if len(found) == most:
            break
    return sorted(found.items())


def _records(file, most):
    """The first records of a TFRecord that is not compressed."""
    with open(file, "rb") as data:
        for _ in range(most):
            head = data.read(12)  # a length, and its checksum
            if len(head) < 12:
                return
            yield data.read(int.from_bytes(head[:8], "little"))
            data.read(4)
