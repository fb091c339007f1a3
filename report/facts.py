"""What one run left in ML Metadata and in its artifacts, as plain data; no TensorFlow."""

import dataclasses
import json
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from failures import Failure

_EVENT = metadata_store_pb2.Event
_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "ran",
    metadata_store_pb2.Execution.CACHED: "cached",
}
_ORIGIN = ("git_commit", "git_state", "lock_sha256", "failure")


@dataclasses.dataclass(frozen=True)
class Node:
    """One component of a run."""

    name: str
    status: str  # "ran", "cached", "failed", or "stopped" where no failure was recorded
    seconds: float
    outputs: dict  # {output: Artifact proto}
    inputs: dict = dataclasses.field(default_factory=dict)  # {input: [id of an artifact]}
    properties: dict = dataclasses.field(default_factory=dict)  # {parameter: value}

    @property
    def summaries(self):
        """What its outputs say of themselves, without what another says as well."""
        told = [a.custom_properties["summary"].string_value for a in self.outputs.values()]
        told = [text for text in dict.fromkeys(told) if text]
        return [text for text in told if not any(text in o for o in told if o != text)]


@dataclasses.dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
      id: the time at which it began, ISO 8601.
      nodes: {component: Node}, in the order they started.
      seconds: from the first component's start to the last one's end.
      origin: {"git_commit", "git_state", "lock_sha256", "failure"}: texts or None.
      configuration: what it was started with, as plain data; {} where not recorded.
      model_origin: (run id, origin, configuration) of the run that trained its model,
        another one where Trainer was cached; None without a model.
    """

    id: str
    nodes: dict
    seconds: float = 0.0
    origin: dict = dataclasses.field(default_factory=dict)
    configuration: dict = dataclasses.field(default_factory=dict)
    model_origin: tuple | None = None

    @property
    def unfinished(self):
        """The Node that failed or was stopped, or None."""
        ends = ("failed", "stopped")
        return next((node for node in self.nodes.values() if node.status in ends), None)

    @property
    def when(self):
        """Its start for people, such as "2026-11-21 04:34:40"."""
        return self.id[:19].replace("T", " ")

    def artifact(self, component, output):
        node = self.nodes.get(component)
        return node.outputs.get(output) if node else None

    def said(self, component, output, name):
        """A custom property of an output; None where there is none."""
        artifact = self.artifact(component, output)
        return _values(artifact.custom_properties).get(name) if artifact else None

    def file(self, component, output, name):
        """Path of a file of an output; None where there is none."""
        artifact = self.artifact(component, output)
        path = Path(artifact.uri) / name if artifact else None
        return path if path and path.is_file() else None

    def json(self, component, output, name):
        """A JSON file of an output; None where there is none, or no whole one."""
        path = self.file(component, output, name)
        try:
            return json.loads(path.read_text("utf-8")) if path else None
        except ValueError:
            return None

    def edges(self):
        """[(component, component that reads its outputs, [their names])] in the runs' order."""
        made = {
            artifact.id: (node.name, output)
            for node in self.nodes.values()
            for output, artifact in node.outputs.items()
        }
        found = {}
        for node in self.nodes.values():
            for ids in node.inputs.values():
                for source, output in (made[i] for i in ids if i in made):
                    found.setdefault((source, node.name), []).append(output)
        return [(a, b, sorted(set(outputs))) for (a, b), outputs in found.items()]


def open_store(root, write=False):
    """ML Metadata of a root, for reading alone unless `write`.

    Raises:
      Failure: nothing has run there, or its file cannot be read.
    """
    file = Path(root) / "metadata.sqlite"
    if not file.is_file():
        raise Failure(f"{root} has no runs. Run the pipeline first.")
    modes = metadata_store_pb2.SqliteMetadataSourceConfig
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(file)
    connection.sqlite.connection_mode = modes.READWRITE if write else modes.READONLY
    try:
        store = MetadataStore(connection)
        store.get_context_types()
    except Exception as error:  # ML Metadata's own errors have nothing in common.
        raise Failure(f"{file} cannot be read as ML Metadata. Run the pipeline again.") from error
    return store


def record_failure(root, run_id, message):
    """Keeps why a run failed with its origin: ML Metadata itself keeps the state alone."""
    store = open_store(root, write=True)
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context:
        context.custom_properties["failure"].string_value = message
        store.put_contexts([context])


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
    events = store.get_events_by_execution_ids([execution.id for execution in executions])
    made = [event.artifact_id for event in events if event.type == _EVENT.OUTPUT]
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id(made)}
    origin, configuration = _origin(context)
    unfinished = "failed" if origin["failure"] else "stopped"
    nodes = {}
    for execution in executions:
        took = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        own = [event for event in events if event.execution_id == execution.id]
        outputs = [event for event in own if event.type == _EVENT.OUTPUT]
        inputs = {}
        for event in own:
            if event.type == _EVENT.INPUT:
                inputs.setdefault(event.path.steps[0].key, []).append(event.artifact_id)
        name = types[execution.type_id]
        nodes[name] = Node(
            name,
            _STATES.get(execution.last_known_state, unfinished),
            took / 1000,
            {event.path.steps[0].key: artifacts[event.artifact_id] for event in outputs},
            inputs,
            _values(execution.custom_properties),
        )
    maker = _model_origin(store, nodes)
    return Run(run_id, nodes, _seconds(executions), origin, configuration, maker)


def _seconds(executions):
    if not executions:
        return 0.0
    began = min(execution.create_time_since_epoch for execution in executions)
    return (max(e.last_update_time_since_epoch for e in executions) - began) / 1000


def _origin(context):
    kept = _values(context.custom_properties)
    origin = {name: kept.get(name) for name in _ORIGIN}
    return origin, json.loads(kept.get("configuration") or "{}")


def _model_origin(store, nodes):
    trainer = nodes.get("Trainer")
    model = trainer and trainer.outputs.get("model")
    if not model:
        return None
    events = store.get_events_by_artifact_ids([model.id])
    # A cached execution gives the artifact as well: the oldest one is that which ran.
    first = min(event.execution_id for event in events if event.type == _EVENT.OUTPUT)
    kinds = {kind.id: kind.name for kind in store.get_context_types()}
    for context in store.get_contexts_by_execution(first):
        if kinds[context.type_id] == "pipeline_run":
            return (context.name, *_origin(context))
    return None


def _values(properties):
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in properties.items()
        if value.WhichOneof("value")
    }
