"""`lineage`: what made a pushed version, read back from ML Metadata."""

import json
import os
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from components.model_store.pins import existing
from failures import Failure

_ORIGIN = ("git_commit", "git_state", "lock_sha256")


def show_lineage(configuration, number, as_json, say):
    """Prints the lineage of a version; returns the exit code 0.

    Raises:
      Failure: there is no such version, or this root's metadata do not know it.
    """
    lineage = lineage_of(configuration, number)
    if as_json:
        say(json.dumps(lineage, indent=2, sort_keys=True))
    else:
        for line in _lines(lineage):
            say(line)
    return 0


def lineage_of(configuration, number):
    """What made version `number` of the configuration's push destination, as plain data.

    What a cluster pushed carries its origin itself; of its data, schema and steps the
    cluster's own ML Metadata tell, and they are None or empty here.

    Returns:
      {"version", "path", "model", "metrics", "run", "git_commit", "git_state",
      "lock_sha256", "configuration", "data": {"dataset", "fingerprint", "counts"},
      "schema", "transform_graph", "steps"}. A model that was made before runs kept
      their origin has None for it.

    Raises:
      Failure: there is no such version, or this root's metadata do not know it.
    """
    version = existing(configuration.push.destination, number)
    if version.record is None:
        raise Failure(f"Version {number} was not pushed by this project: nothing tells its origin.")
    if version.record.origin:
        return _facts(version) | _carried(version.record)
    with open_store(configuration.root) as handle:
        store = handle.store
        found = store.get_artifacts_by_uri(version.record.model_uri)
        if not found:
            raise Failure(
                f"{configuration.root}/metadata.sqlite does not know {version.record.model_uri}, "
                f"which version {number} was pushed from. Name the configuration of that root."
            )
        steps = _upstream(store, found[0])
        origin = _origin(store, steps[0]["execution"])
    return (
        _facts(version)
        | origin
        | _inputs(steps)
        | {
            "steps": [
                {k: v for k, v in step.items() if k in ("component", "outputs")} for step in steps
            ]
        }
    )


def open_store(root):
    """ML Metadata of a root, as a context manager.

    Raises:
      Failure: nothing has run there.
    """
    file = Path(root) / "metadata.sqlite"
    if not file.exists():
        raise Failure(f"{file} is missing: nothing has run in {root}. Name another configuration.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfx.orchestration import metadata

    return metadata.Metadata(metadata.sqlite_metadata_connection_config(str(file)))


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
    configuration = record.origin.get("configuration")
    return {
        "run": record.run,
        **{name: record.origin.get(name) for name in _ORIGIN},
        "configuration": configuration and json.loads(configuration),
        "data": {"dataset": None, "fingerprint": None, "counts": {}, "uri": None},
        "schema": None,
        "transform_graph": None,
        "steps": [],
    }


def _upstream(store, model):
    """The executions that led to a model, the nearest first, each with what it gave."""
    steps, seen, waiting = [], set(), [model.id]
    while waiting:
        events = store.get_events_by_artifact_ids(waiting)
        made_by = {e.execution_id for e in events if e.type == metadata_store_pb2.Event.OUTPUT}
        waiting = []
        # An output of a cached execution is that of the first: the oldest one ran.
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
            keys[artifact.id]: {"uri": artifact.uri} | _values(artifact.custom_properties)
            for artifact in store.get_artifacts_by_id(sorted(keys))
        },
    }


def _origin(store, execution_id):
    for context in store.get_contexts_by_execution(execution_id):
        [kind] = store.get_context_types_by_id([context.type_id])
        if kind.name == "pipeline_run":
            kept = _values(context.custom_properties)
            configuration = kept.get("configuration")
            return {
                "run": context.name,
                **{name: kept.get(name) for name in _ORIGIN},
                "configuration": configuration and json.loads(configuration),
            }
    raise Failure("ML Metadata names no run that made this model. Run the pipeline again.")


def _inputs(steps):
    outputs = {}
    for step in steps:
        for name, properties in step["outputs"].items():
            outputs.setdefault(name, properties)
    examples = outputs.get("examples", {})
    return {
        "data": {
            "dataset": examples.get("dataset"),
            "fingerprint": examples.get("fingerprint"),
            "counts": json.loads(examples.get("counts", "{}")),
            "uri": examples.get("uri"),
        },
        "schema": outputs.get("schema", {}).get("uri"),
        "transform_graph": outputs.get("transform_graph", {}).get("uri"),
    }


def _values(properties):
    return {name: getattr(value, value.WhichOneof("value")) for name, value in properties.items()}


def _lines(lineage):
    data = lineage["data"]
    counts = ", ".join(f"{role} {count:,}" for role, count in data["counts"].items())
    commit = lineage["git_commit"]
    code = f"commit {commit}, {lineage['git_state']}" if commit else "not recorded"
    metrics = ", ".join(f"{name} {value:.4f}" for name, value in lineage["metrics"].items())
    facts = {
        f"version {lineage['version']}": lineage["path"],
        "restored from": lineage["restored_from"] and f"version {lineage['restored_from']}",
        "metrics": metrics,
        "model": lineage["model"],
        "run": lineage["run"],
        "data": f"{data['dataset']}, {counts}" if data["dataset"] else "see Kubeflow's run",
        "data fingerprint": data["fingerprint"],
        "schema": lineage["schema"],
        "transform graph": lineage["transform_graph"],
        "code": code,
        "lock": lineage["lock_sha256"] or "not recorded",
    }
    yield from (f"{name:<17} {fact}" for name, fact in facts.items() if fact)
    if lineage["configuration"] is None:
        yield "configuration     not recorded"
        return
    import yaml

    yield "configuration"
    plain = yaml.safe_dump(lineage["configuration"], sort_keys=False, allow_unicode=True)
    yield from (f"  {line}" for line in plain.splitlines())
