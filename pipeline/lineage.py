"""What made a pushed version, from its own record or from ML Metadata."""

from ml_metadata.proto import metadata_store_pb2

from components.examples.made_of import data_in
from components.examples.reading import read_data
from components.model_store.pins import existing
from failures import Failure
from pipeline.cluster_address import ui
from pipeline.metadata_store import component_of, open_store, outputs_of, plain, run_of
from pipeline.origin import Origin, read_origin


def lineage_of(configuration, number):
    """What made version `number` of the configuration's push destination, as plain data.

    A version that a cluster pushed carries its origin and the description of its data itself: no
    ML Metadata is asked. Its steps, and the addresses of data and schema, are None or empty.
    Of a version from this machine, run and commit are those that trained the model; configuration
    and own code are those of the run that pushed it. The steps are those whose artifacts led to the
    model: not ValidationGate, which only lets a run go on.

    Returns:
      {"version", "path", "model", "metrics", "run", "git_commit", "git_state",
      "lock_sha256", "own_code", "configuration", "data": {"dataset", "fingerprint", "counts",
      "spans", "snapshot"},
      "schema", "transform_graph", "steps"}; from a cluster also "run_link" (None without
      an endpoint), "trigger" and "scheduled_time" or None. The origin is None
      for a model that was made before runs kept it.

    Raises:
      Failure: there is no such version, or this root's metadata does not know it.
    """
    version = existing(configuration.push.destination, number)
    record = version.record
    if record is None:
        raise Failure(f"Version {number} was not pushed by this project, so its origin is unknown.")
    run, steps = record.run, []
    kept = {name: text for name, text in record.origin.items() if name in Origin._fields}
    if not kept:
        run, kept, steps = _made_here(configuration.root, number, record)
    return {
        "version": version.number,
        "path": version.path,
        "model": record.model_uri,
        "fingerprint": record.fingerprint,
        "pushed_at": record.pushed_at,
        "restored_from": record.restored_from,
        "metrics": dict(record.metrics),
        "run": run,
        **_run_on_a_cluster(record, configuration.kubeflow),
        **read_origin(kept)._asdict(),
        **_inputs(steps, data_in(record.origin)),
        "steps": steps,
    }


def _made_here(root, number, record):
    """(run that made the model, its origin as texts, the steps to the model) of a local version."""
    store = open_store(root)
    # The model's address may be another model's in a newer metadata.sqlite, which counts executions
    # from 1 again; the run's id never is.
    pushed_in = store.get_context_by_type_and_name("pipeline_run", record.run)
    found = store.get_artifacts_by_uri(record.model_uri) if pushed_in else []
    if not found:
        raise Failure(
            f"{root}/metadata.sqlite does not know {record.model_uri} of the run {record.run}, "
            f"which version {number} was pushed from. Name the configuration of that root."
        )
    maker, steps = _upstream(store, found[0])
    made_in = run_of(store, maker)
    if made_in is None:
        raise Failure("ML Metadata names no run that made this model. Run the pipeline again.")
    run, origin = made_in
    # The model may come from the cache of a run that was evaluated and exported by other settings
    # and metrics; the own code that trains is the same in both.
    pushing = plain(pushed_in.custom_properties)
    return run, origin | {name: pushing.get(name) for name in ("configuration", "own_code")}, steps


def _run_on_a_cluster(record, kubeflow):
    if "trigger" not in record.origin:
        return {}
    place = ui(kubeflow)
    return {
        "run_link": f"{place}/#/runs/details/{record.run}" if place else None,
        "trigger": record.origin["trigger"],
        "scheduled_time": record.origin.get("scheduled_time"),
    }


def _upstream(store, model):
    """(id of the execution that made a model, the steps that led to it, nearest first)."""
    steps, seen, waiting, maker = [], set(), [model.id], None
    while waiting:
        events = store.get_events_by_artifact_ids(waiting)
        made_by = {e.execution_id for e in events if e.type == metadata_store_pb2.Event.OUTPUT}
        waiting = []
        # A cached execution shares its output with the one that ran, the oldest.
        for execution in store.get_executions_by_id(sorted(made_by - seen)):
            seen.add(execution.id)
            if execution.last_known_state != metadata_store_pb2.Execution.COMPLETE:
                continue
            maker = maker or execution.id
            events = store.get_events_by_execution_ids([execution.id])
            waiting += [e.artifact_id for e in events if e.type == metadata_store_pb2.Event.INPUT]
            outputs = {
                name: {"uri": artifact.uri} | plain(artifact.custom_properties)
                for name, artifact in outputs_of(store, execution.id).items()
            }
            steps.append({"component": component_of(store, execution), "outputs": outputs})
    return maker, steps


def _inputs(steps, recorded):
    """What the steps say of the data; where there are none, what the record says of it."""
    outputs = {}
    for step in steps:
        for name, properties in step["outputs"].items():
            outputs.setdefault(name, properties)
    examples = outputs.get("examples", {})
    data = read_data(examples)
    return {
        "data": {
            "dataset": data.dataset or recorded.get("dataset"),
            "fingerprint": data.fingerprint or recorded.get("fingerprint"),
            "counts": data.counts or recorded.get("counts", {}),
            "spans": recorded.get("spans", []),
            "snapshot": data.snapshot or recorded.get("snapshot"),
            "uri": examples.get("uri"),
        },
        "schema": outputs.get("schema", {}).get("uri"),
        "transform_graph": outputs.get("transform_graph", {}).get("uri"),
    }
