"""Runs in the ML Metadata of a root, read without TensorFlow."""

from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata_store import open_store, plain, run_of
from pipeline.origin import read_origin
from report.run import Node, Output, Run

_EVENT = metadata_store_pb2.Event
_FAILURE = "failure"  # a property of the run's context
_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "ran",
    metadata_store_pb2.Execution.CACHED: "cached",
}


def record_failure(root, run_id, message):
    """Keeps why a run failed beside its origin: ML Metadata itself only keeps the state."""
    store = open_store(root, write=True)
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context:
        context.custom_properties[_FAILURE].string_value = message
        store.put_contexts([context])


def run_ids(store):
    """Ids of all runs, oldest first."""
    contexts = store.get_contexts_by_type("pipeline_run")
    # Ids rise; the machine's clock may have been set back.
    return [context.name for context in sorted(contexts, key=lambda context: context.id)]


def read_run(store, run_id):
    """The Run of that id; its context must be in the store."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    executions = sorted(store.get_executions_by_context(context.id), key=lambda e: e.id)
    types = {kind.id: kind.name.rsplit(".", 1)[-1] for kind in store.get_execution_types()}
    events = store.get_events_by_execution_ids([execution.id for execution in executions])
    made = [event.artifact_id for event in events if event.type == _EVENT.OUTPUT]
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id(made)}
    properties = plain(context.custom_properties)
    failure = properties.get(_FAILURE)
    nodes = {}
    for execution in executions:
        name = types[execution.type_id]
        own = [event for event in events if event.execution_id == execution.id]
        took = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        nodes[name] = Node(
            name,
            _STATES.get(execution.last_known_state, "failed" if failure else "stopped"),
            took / 1000,
            _outputs(own, artifacts),
            _inputs(own),
        )
    seconds, maker = _seconds(executions), _model_origin(store, nodes)
    return Run(run_id, nodes, seconds, _origin(properties), failure, maker)


def _outputs(events, artifacts):
    found = {
        event.path.steps[0].key: artifacts[event.artifact_id]
        for event in events
        if event.type == _EVENT.OUTPUT
    }
    return {
        name: Output(artifact.id, Path(artifact.uri), plain(artifact.custom_properties))
        for name, artifact in found.items()
    }


def _inputs(events):
    found = {}
    for event in events:
        if event.type == _EVENT.INPUT:
            found.setdefault(event.path.steps[0].key, []).append(event.artifact_id)
    return found


def _seconds(executions):
    if not executions:
        return 0.0
    began = min(execution.create_time_since_epoch for execution in executions)
    return (max(e.last_update_time_since_epoch for e in executions) - began) / 1000


def _origin(properties):
    origin = read_origin(properties)
    return origin._replace(configuration=origin.configuration or {})


def _model_origin(store, nodes):
    trainer = nodes.get("Trainer")
    model = trainer and trainer.outputs.get("model")
    if not model:
        return None
    events = store.get_events_by_artifact_ids([model.id])
    # A cached execution shares the artifact with the one that ran, the oldest.
    first = min(event.execution_id for event in events if event.type == _EVENT.OUTPUT)
    run = run_of(store, first)
    return run and (run[0], _origin(run[1]))
