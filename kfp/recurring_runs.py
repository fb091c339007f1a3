"""`python -m pipeline schedule apply|list|pause|resume|delete`: a recurring run as code.

The server cannot change a recurring run and lets two have one name. So `apply` looks at
what exists, takes one step towards what is wanted, and looks again until nothing is left
to do. Wherever it is killed, the next `apply` continues from what it finds.
"""

import contextlib
import dataclasses
import hashlib
import uuid

from failures import Failure
from files.strict_json import text_of
from kfp.run_facts import BY_SCHEDULE, SCHEDULED_TIME, TRIGGER
from kfp.run_values import given_values
from kfp.six_field_cron import six_fields
from kfp.submit_connection import AlreadyExists, NotFound, Unclear, connect, named, pause
from kfp.submit_upload import find_experiment, open_package, upload
from settings.kubeflow import Kubeflow
from settings.schedule import Schedule

_STEPS = 50  # More than any number of leftovers; a bound on a server that forgets.
_UNCLEAR_CALLS = 5
_MARK = "steadyfeed schedule "
_CALLS = {"pause": "disable", "resume": "enable", "delete": "delete"}
_DONE = {
    "pause": "is paused; resume or apply undoes it",
    "resume": "is on again; pause undoes it",
    "delete": "is deleted",
}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The recurring run that should exist: its body, and a hash of that as its mark.

    The server may write a body back in other words, so the marks are compared.
    """

    name: str
    body: object
    mark: str
    enabled: bool


def next_step(existing, wanted: Wanted) -> tuple[str, str | None] | None:
    """The next step from what exists to what is wanted; None when nothing is left to do.

    Args:
      existing: recurring runs of the wanted name, in any order.

    Returns:
      "create", "delete", "enable" or "disable", and the id of the one to which it applies.
    """
    matching = sorted((r for r in existing if _mark_of(r) == wanted.mark), key=_age)
    if not matching:
        return "create", None
    kept = matching[0]
    # The old ones go before the new one is switched on, so that two of them never fire.
    for other in existing:
        if other.recurring_run_id != kept.recurring_run_id:
            return "delete", other.recurring_run_id
    if _is_enabled(kept) != wanted.enabled:
        return "enable" if wanted.enabled else "disable", kept.recurring_run_id
    return None


def apply(file, kubeflow: Kubeflow, schedule: Schedule, *, say=print):
    """Makes the server have exactly one recurring run of the pipeline, as the schedule says.

    Args:
      file: the compiled package; each run uses the version with its content.

    Returns:
      "created", "replaced", "resumed", "paused" or "unchanged".

    Raises:
      ConfigurationError: the package or a parameter is wrong.
      Failure: the server does not do its part.
    """
    package = open_package(file)
    given = [f"{name}={value}" for name, value in schedule.parameters.items()]
    values = given_values(package.spec, given)
    if TRIGGER in package.spec["root"].get("inputDefinitions", {}).get("parameters", {}):
        values[TRIGGER] = BY_SCHEDULE
    server = connect(kubeflow)
    fields = upload(server, package, kubeflow, values, say)
    wanted = _wanted(server, package.pipeline, schedule, fields)
    _explain(schedule, package, say)
    _warn_of_others(server, fields["experiment_id"], wanted.name, say)
    taken = _converge(server, fields["experiment_id"], wanted)
    outcome = _outcome(taken)
    experiment = kubeflow.experiment or package.pipeline
    say(f"The schedule {wanted.name} in {experiment}: {outcome}{_because(taken)}.")
    return outcome


def _converge(server, experiment_id, wanted):
    """Takes steps until none is left; returns their actions."""
    taken, unclear = [], 0
    for _ in range(_STEPS):
        existing = _listed(server, experiment_id, wanted.name)
        step = next_step(existing, wanted)
        if step is None:
            return taken
        action, identity = step
        try:
            if action == "create":
                _create(server, wanted, enabled=wanted.enabled and not existing)
            else:
                _apply_action(server, action, identity)
            taken.append(action)
            unclear = 0
        except Unclear as error:
            # It may have had its effect; the next look shows it.
            unclear += 1
            if unclear == _UNCLEAR_CALLS:
                raise error.failure from None
            pause(unclear)
    raise Failure(
        f"{server.url} does not keep the recurring run {wanted.name} as it was set. Look at its "
        "recurring runs, and whether another apply runs at the same time."
    )


def _create(server, wanted, enabled):
    wanted.body.mode = "ENABLE" if enabled else "DISABLE"
    create = server.client.recurring_runs.recurring_run_service_create_recurring_run
    with contextlib.suppress(AlreadyExists):
        server.id_of(server.call(create, wanted.body, repeatable=False), "recurring_run_id")


def _apply_action(server, action, recurring_run_id):
    """Enables, disables or deletes a recurring run; whether it was still there.

    Another apply may be faster, or a repeated call had its effect the first time.
    """
    api = server.client.recurring_runs
    try:
        server.call(getattr(api, f"recurring_run_service_{action}_recurring_run"), recurring_run_id)
        return True
    except NotFound:
        return False


def _wanted(server, name, schedule, fields):
    models = server.client.api_models
    config, cron = fields["runtime_config"], six_fields(schedule.cron)
    content = {
        "version": fields["pipeline_version_reference"].pipeline_version_id,
        "cron": cron,
        "max_concurrency": schedule.max_concurrency,
        "no_catchup": not schedule.catch_up,
        "parameters": config.parameters,
        "pipeline_root": config.pipeline_root,
        "service_account": fields["service_account"],
    }
    plain = text_of(content, sort_keys=True).encode()
    mark = _MARK + hashlib.sha256(plain).hexdigest()[:16]
    body = models.V2beta1RecurringRun(
        display_name=name,
        description=f"{mark}; made by `python -m pipeline schedule apply`, which replaces it",
        trigger=models.V2beta1Trigger(cron_schedule=models.V2beta1CronSchedule(cron=cron)),
        max_concurrency=str(schedule.max_concurrency),
        no_catchup=not schedule.catch_up,
        **fields,
    )
    return Wanted(name, body, mark, schedule.enabled)


def _mark_of(recurring_run):
    """The mark that apply left in the description; "" when a person made it."""
    description = recurring_run.description or ""
    return description.partition(";")[0] if description.startswith(_MARK) else ""


def _is_enabled(recurring_run):
    return recurring_run.mode == "ENABLE" or (
        recurring_run.mode is None and recurring_run.status == "ENABLED"
    )


def _age(recurring_run):
    return str(recurring_run.created_at), recurring_run.recurring_run_id


def _listed(server, experiment_id, name):
    """The recurring runs of a name, in one experiment or, for None, in all."""
    where = {"experiment_id": experiment_id} if experiment_id else server.in_namespace
    return server.pages(
        server.client.recurring_runs.recurring_run_service_list_recurring_runs,
        "recurring_runs",
        filter=named(name),
        **where,
    )


def _warn_of_others(server, experiment_id, name, say):
    """Names a schedule that a change of kubeflow.experiment left behind."""
    for other in _listed(server, None, name):
        if other.experiment_id != experiment_id and _mark_of(other):
            say(
                f"Another experiment ({other.experiment_id}) has a schedule {name} as well. If it "
                "is left over, delete it with kubeflow.experiment set to that one."
            )


def _explain(schedule, package, say):
    say(
        f"{schedule.cron} becomes {six_fields(schedule.cron)} on Kubeflow, whose cron has the "
        "seconds first."
    )
    say(
        "Kubeflow's controller reads it in its own time zone (CRON_SCHEDULE_TIMEZONE there, UTC "
        f"unless set); schedule.time_zone is {schedule.time_zone}."
    )
    if SCHEDULED_TIME not in text_of(package.spec):
        say("No step of this package uses its scheduled time.")


def _outcome(taken):
    if "delete" in taken:
        return "replaced"
    last = taken[-1] if taken else ""
    known = {"enable": "resumed", "disable": "paused"}
    return "created" if "create" in taken else known.get(last, "unchanged")


def _because(taken):
    if taken == ["enable"]:
        return " (it was paused; the configuration says enabled)"
    return " (the configuration says enabled: false)" if taken == ["disable"] else ""


def change(action, name, kubeflow: Kubeflow, *, say=print):
    """Applies `action` to the recurring runs of one pipeline; repeating it changes nothing.

    Args:
      action: "list", "pause", "resume" or "delete".

    Raises:
      Failure: nothing can be paused or resumed, or the server does not do its part.
    """
    server = connect(kubeflow)
    experiment = find_experiment(server, kubeflow.experiment or name)
    found = _listed(server, experiment.experiment_id, name) if experiment else []
    where = f"in the experiment {kubeflow.experiment or name}"
    if not found and action in ("pause", "resume"):
        raise Failure(
            f"There is no schedule {name} {where}. Make it: python -m pipeline schedule apply."
        )
    if not found:
        say(f"There is no schedule {name} {where}.")
    for recurring_run in found:
        say(_line(recurring_run) if action == "list" else _changed(action, server, recurring_run))


def fire(name, kubeflow: Kubeflow, *, say=print):
    """Starts the run that the recurring run of a pipeline would start next.

    Raises:
      Failure: there is not exactly one such recurring run.
    """
    server = connect(kubeflow)
    experiment = find_experiment(server, kubeflow.experiment or name)
    found = _listed(server, experiment.experiment_id, name) if experiment else []
    if len(found) != 1:
        raise Failure(
            f"There are {len(found)} schedules {name} in the experiment "
            f"{kubeflow.experiment or name}. Make one: python -m pipeline schedule apply."
        )
    [recurring] = found
    body = server.client.api_models.V2beta1Run(
        display_name=f"{name} fired {uuid.uuid4()}",
        experiment_id=recurring.experiment_id,
        pipeline_version_reference=recurring.pipeline_version_reference,
        runtime_config=recurring.runtime_config,
        service_account=recurring.service_account,
    )
    runs = server.client.runs
    run, _ = server.ensure(
        "run",
        body.display_name,
        runs.run_service_list_runs,
        {"experiment_id": recurring.experiment_id},
        runs.run_service_create_run,
        body,
    )
    say(f"The run {body.display_name} has started: {server.ui}/#/runs/details/{run.run_id}")


def _line(recurring_run):
    trigger = recurring_run.trigger
    cron = trigger.cron_schedule.cron if trigger and trigger.cron_schedule else "no cron"
    version = recurring_run.pipeline_version_reference
    return (
        f"{recurring_run.display_name:<20} {'on' if _is_enabled(recurring_run) else 'paused':<7} "
        f"{cron:<20} since {recurring_run.created_at:%Y-%m-%d %H:%M} "
        f"version {version.pipeline_version_id if version else 'of its own'} "
        f"id {recurring_run.recurring_run_id}"
        + ("" if _mark_of(recurring_run) else " (not made by schedule apply)")
    )


def _changed(action, server, recurring_run):
    identity = recurring_run.recurring_run_id
    label = f"{recurring_run.display_name} ({identity})"
    if action != "delete" and _is_enabled(recurring_run) == (action == "resume"):
        return f"{label} is already {'on' if action == 'resume' else 'paused'}."
    is_there = _apply_action(server, _CALLS[action], identity)
    return f"{label} {_DONE[action] if is_there else 'is gone: someone deleted it'}."
