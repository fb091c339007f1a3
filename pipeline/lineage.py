"""What made a pushed version, read back from ML Metadata."""

from ml_metadata.proto import metadata_store_pb2

from components.model_store.pins import existing
from components.tfds_example_gen.reading import read_data
from failures import Failure
from pipeline.metadata_store import open_store, plain, run_of
from pipeline.origin import read_origin


def lineage_of(configuration, number):
    """What made version `number` of the configuration's push destination, as plain data.

    A version that a cluster pushed carries its origin itself. Its data, schema and steps are
    in the cluster's own ML Metadata; here they are None or empty.

    Returns:
      {"version", "path", "model", "metrics", "run", "git_commit", "git_state",
      "lock_sha256", "configuration", "data": {"dataset", "fingerprint", "counts"},
      "schema", "transform_graph", "steps"}. The origin is None for a model that was made
      before runs kept it.

    Raises:
      Failure: there is no such version, or this root's metadata does not know it.
    """
    version = existing(configuration.push.destination, number)
    if version.record is None:
        raise Failure(f"Version {number} was not pushed by this project, so its origin is unknown.")
    if version.record.origin:
        return _facts(version) | _carried(version.record)
    store = open_store(configuration.root)
    found = store.get_artifacts_by_uri(version.record.model_uri)
    if not found:
        raise Failure(
            f"{configuration.root}/metadata.sqlite does not know {version.record.model_uri}, "
            f"which version {number} was pushed from. Name the configuration of that root."
        )
    steps = _upstream(store, found[0])
    origin = _origin(store, steps[0]["execution"])
    shown = [{"component": step["component"], "outputs": step["outputs"]} for step in steps]
    return _facts(version) | origin | _inputs(steps) | {"steps": shown}


def _facts(version):
    return {
        "version": version.number,
        "path": version.path,
        "model": version.record.model_uri,
        "fingerprint": version.record.fingerprint,
        "pushed_at": version.record.pushed_at,
        "restored_from": version.record.restored_from,
        "metrics": dict(version.record.metrics),
    }


def _carried(record):
    """The origin that a version carries, in the form of `lineage_of`."""
    return _origin_in(record.origin, record.run) | {
        "data": {"dataset": None, "fingerprint": None, "counts": {}, "uri": None},
        "schema": None,
        "transform_graph": None,
        "steps": [],
    }


def _origin_in(kept, run):
    return {"run": run} | read_origin(kept)._asdict()


def _upstream(store, model):
    """The executions that led to a model, nearest first, each with its outputs."""
    steps, seen, waiting = [], set(), [model.id]
    while waiting:
        events = store.get_events_by_artifact_ids(waiting)
        made_by = {e.execution_id for e in events if e.type == metadata_store_pb2.Event.OUTPUT}
        waiting = []
        # A cached execution shares its output with the one that ran, the oldest.
        for execution in store.get_executions_by_id(sorted(made_by - seen)):
            seen.add(execution.id)
            if execution.last_known_state != metadata_store_pb2.Execution.COMPLETE:
                continue
            events = store.get_events_by_execution_ids([execution.id])
            outputs = [e for e in events if e.type == metadata_store_pb2.Event.OUTPUT]
            waiting += [e.artifact_id for e in events if e.type == metadata_store_pb2.Event.INPUT]
            steps.append(_step(store, execution, outputs))
    return steps


def _step(store, execution, outputs):
    keys = {event.artifact_id: event.path.steps[0].key for event in outputs}
    [kind] = store.get_execution_types_by_id([execution.type_id])
    return {
        "component": kind.name.rpartition(".")[-1],
        "execution": execution.id,
        "outputs": {
            keys[artifact.id]: {"uri": artifact.uri} | plain(artifact.custom_properties)
            for artifact in store.get_artifacts_by_id(sorted(keys))
        },
    }


def _origin(store, execution_id):
    run = run_of(store, execution_id)
    if run is None:
        raise Failure("ML Metadata names no run that made this model. Run the pipeline again.")
    return _origin_in(run[1], run[0])


def _inputs(steps):
    outputs = {}
    for step in steps:
        for name, properties in step["outputs"].items():
            outputs.setdefault(name, properties)
    examples = outputs.get("examples", {})
    data = read_data(examples)
    return {
        "data": {
            "dataset": data.dataset,
            "fingerprint": data.fingerprint,
            "counts": data.counts,
            "uri": examples.get("uri"),
        },
        "schema": outputs.get("schema", {}).get("uri"),
        "transform_graph": outputs.get("transform_graph", {}).get("uri"),
    }
