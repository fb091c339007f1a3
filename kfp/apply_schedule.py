"""`python -m pipeline schedule apply`: a recurring run as code.

The server cannot change a recurring run and lets two have one name. So `apply` looks at
what exists, takes one step towards what is wanted, and looks again until nothing is left
to do. Wherever it is killed, the next `apply` continues from what it finds.
"""

import contextlib
import dataclasses
import hashlib

from failures import Failure
from files.strict_json import text_of
from kfp.api_server import AlreadyExists, Unclear, pause
from kfp.recurring_runs import MARK, act_on, is_enabled, listed, mark_of
from kfp.run_facts import BY_SCHEDULE, SCHEDULED_TIME, TRIGGER
from kfp.run_values import given_values
from kfp.six_field_cron import six_fields
from kfp.submit_connection import connect
from kfp.submit_upload import open_package, upload
from settings.kubeflow import Kubeflow
from settings.schedule import Schedule

_STEPS = 50  # More than any number of leftovers; a bound on a server that forgets.
_UNCLEAR_CALLS = 5


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
    matching = sorted((r for r in existing if mark_of(r) == wanted.mark), key=_age)
    if not matching:
        return "create", None
    kept = matching[0]
    # The old ones go before the new one is switched on, so that two of them never fire.
    for other in existing:
        if other.recurring_run_id != kept.recurring_run_id:
            return "delete", other.recurring_run_id
    if is_enabled(kept) != wanted.enabled:
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
    values = given_values(package.spec, given, say)
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
        existing = listed(server, experiment_id, wanted.name)
        step = next_step(existing, wanted)
        if step is None:
            return taken
        action, identity = step
        try:
            if action == "create":
                _create(server, wanted, enabled=wanted.enabled and not existing)
            else:
                act_on(server, action, identity)
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
    mark = MARK + hashlib.sha256(plain).hexdigest()[:16]
    body = models.V2beta1RecurringRun(
        display_name=name,
        description=f"{mark}; made by `schedule apply`, which replaces it",
        trigger=models.V2beta1Trigger(cron_schedule=models.V2beta1CronSchedule(cron=cron)),
        max_concurrency=str(schedule.max_concurrency),
        no_catchup=not schedule.catch_up,
        **fields,
    )
    return Wanted(name, body, mark, schedule.enabled)


def _age(recurring_run):
    return str(recurring_run.created_at), recurring_run.recurring_run_id


def _warn_of_others(server, experiment_id, name, say):
    """Names a schedule that a change of kubeflow.experiment left behind."""
    for other in listed(server, None, name):
        if other.experiment_id != experiment_id and mark_of(other):
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
