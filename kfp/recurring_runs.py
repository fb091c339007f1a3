"""`python -m pipeline schedule apply|list|pause|resume|delete`: recurring runs as code.

The server cannot change a recurring run and lets two have one name. So apply looks at
what there is, takes one step towards what there should be, and looks again until
nothing is left to do; wherever it is killed, the next apply goes on from what it finds.
"""

import dataclasses
import hashlib
import json
import os
import random
import time

from failures import Failure
from kfp.run_values import given_values
from kfp.scheduled_time import PLACEHOLDER
from kfp.six_field_cron import six_fields
from kfp.submit_connection import AlreadyExists, NotFound, Unclear, connect
from kfp.submit_upload import identity, named, open_package, upload

_STEPS = 50  # More than any number of leftovers; a bound on a server that forgets.
_MARK = "steadyfeed schedule "


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What there should be: a recurring run's body, and a hash of it that is its mark.

    The server may write a body back in other words, so the mark is what is compared.
    """

    name: str
    body: object
    mark: str
    enabled: bool


@dataclasses.dataclass(frozen=True)
class Step:
    """What to do next: "create", "delete", "enable" or "disable"; on which recurring run."""

    action: str
    recurring_run_id: str | None = None


def next_step(existing, wanted):
    """The next step from what exists to what is wanted; None when there is nothing to do.

    Args:
      existing: recurring runs of the wanted name, in any order.
      wanted: a Wanted.
    """
    matching = sorted((r for r in existing if mark_of(r) == wanted.mark), key=_age)
    if not matching:
        return Step("create")
    kept = matching[0]
    # The old ones go before the new one is switched on: never do two of them fire.
    for other in existing:
        if other.recurring_run_id != kept.recurring_run_id:
            return Step("delete", other.recurring_run_id)
    if is_enabled(kept) != wanted.enabled:
        return Step("enable" if wanted.enabled else "disable", kept.recurring_run_id)
    return None


def apply(
    file,
    endpoint,
    schedule,
    pipeline_root=None,
    *,
    say=print,
    environment=os.environ,
    sleep=time.sleep,
    spread=random.random,
):
    """Makes the server have exactly one recurring run of the pipeline, as the schedule says.

    Args:
      file: the compiled package, which each run is pinned to by its content.
      endpoint: a settings.kubeflow.KubeflowEndpoint.
      schedule: a settings.schedule.Schedule.
      pipeline_root: minio://, s3:// or gs:// URI, or None for the server's own.
      say: prints one line.

    Returns:
      "created", "replaced", "resumed", "paused" or "unchanged".

    Raises:
      failures.Failure: a parameter is wrong, or the server cannot be worked with.
      kfp.package_rules.PackageRefused: the file is no package.
    """
    package = open_package(file)
    given = [f"{name}={value}" for name, value in schedule.parameters.items()]
    values = given_values(package.spec, given)
    server = connect(endpoint, environment, sleep, spread)
    uploaded = upload(server, package, endpoint.experiment, say)
    wanted = _wanted(
        server, package, uploaded, schedule, values, pipeline_root, endpoint.service_account
    )
    _explain(schedule, package, say)
    _warn_of_others(server, uploaded, wanted.name, say)
    taken = _converge(server, uploaded.experiment_id, wanted)
    outcome = _outcome(taken)
    say(f"The schedule {wanted.name} in {uploaded.experiment}: {outcome}{_because(taken)}.")
    return outcome


def _converge(server, experiment_id, wanted):
    """Takes steps until none is left; returns their actions."""
    taken, attempt = [], 0
    for _ in range(_STEPS):
        existing = listed(server, experiment_id, wanted.name)
        step = next_step(existing, wanted)
        if step is None:
            return taken
        try:
            _take(server, step, wanted, others=bool(existing))
            taken.append(step.action)
            attempt = 0
        except Unclear as error:
            # It may have had its effect; the next look tells.
            attempt += 1
            if attempt == 5:
                raise error.failure from None
            server.pause(attempt, None)
    raise Failure(
        f"{server.url} does not keep what it is told about {wanted.name}. "
        "Look at its recurring runs, and whether another apply runs at the same time."
    )


def _take(server, step, wanted, others):
    api = server.client.recurring_runs
    modes = server.client.api_models.RecurringRunMode
    if step.action == "create":
        wanted.body.mode = modes.ENABLE if wanted.enabled and not others else modes.DISABLE
        try:
            made = server.call(
                api.recurring_run_service_create_recurring_run, wanted.body, repeatable=False
            )
        except AlreadyExists:
            return
        identity(server, made, "recurring_run_id")
        return
    call = {
        "delete": api.recurring_run_service_delete_recurring_run,
        "enable": api.recurring_run_service_enable_recurring_run,
        "disable": api.recurring_run_service_disable_recurring_run,
    }[step.action]
    try:
        server.call(call, step.recurring_run_id)
    except NotFound:
        # Another apply was faster, or a call that was repeated had its effect at first.
        return


def _wanted(server, package, uploaded, schedule, values, pipeline_root, service_account):
    models = server.client.api_models
    content = {
        "version": uploaded.version_id,
        "cron": six_fields(schedule.cron),
        "max_concurrency": schedule.max_concurrency,
        "no_catchup": not schedule.catch_up,
        "parameters": values,
        "pipeline_root": pipeline_root,
        "service_account": service_account,
    }
    plain = json.dumps(content, sort_keys=True).encode()
    mark = _MARK + hashlib.sha256(plain).hexdigest()[:16]
    body = models.V2beta1RecurringRun(
        display_name=package.pipeline,
        description=f"{mark}; made by `python -m pipeline schedule apply`, which replaces it",
        experiment_id=uploaded.experiment_id,
        pipeline_version_reference=models.V2beta1PipelineVersionReference(
            pipeline_id=uploaded.pipeline_id, pipeline_version_id=uploaded.version_id
        ),
        runtime_config=models.V2beta1RuntimeConfig(parameters=values, pipeline_root=pipeline_root),
        trigger=models.V2beta1Trigger(
            cron_schedule=models.V2beta1CronSchedule(cron=content["cron"])
        ),
        max_concurrency=str(schedule.max_concurrency),
        no_catchup=not schedule.catch_up,
        service_account=service_account,
    )
    return Wanted(package.pipeline, body, mark, schedule.enabled)


def mark_of(recurring_run):
    """The mark that apply left in the description; "" when a person made it."""
    description = recurring_run.description or ""
    return description.partition(";")[0] if description.startswith(_MARK) else ""


def is_enabled(recurring_run):
    return recurring_run.mode == "ENABLE" or (
        recurring_run.mode is None and recurring_run.status == "ENABLED"
    )


def _age(recurring_run):
    return str(recurring_run.created_at), recurring_run.recurring_run_id


def listed(server, experiment_id, name=None):
    """The recurring runs of an experiment, or of all; of one name, or of any."""
    where = {"experiment_id": experiment_id} if experiment_id else {}
    if not experiment_id and server.namespace:
        where = {"namespace": server.namespace}
    if name:
        where["filter"] = named(name)
    return server.pages(
        server.client.recurring_runs.recurring_run_service_list_recurring_runs,
        "recurring_runs",
        **where,
    )


def _warn_of_others(server, uploaded, name, say):
    """Tells of a schedule that a change of kubeflow.experiment left behind."""
    for other in listed(server, None, name):
        if other.experiment_id != uploaded.experiment_id and mark_of(other):
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
        "It is read in the time zone of Kubeflow's controller (CRON_SCHEDULE_TIMEZONE there, UTC "
        f"unless that is set); schedule.time_zone is {schedule.time_zone}."
    )
    if PLACEHOLDER not in json.dumps(package.spec):
        say("No step of this package takes its scheduled time.")


def _outcome(taken):
    if "create" in taken:
        return "replaced" if "delete" in taken else "created"
    if "delete" in taken:
        return "replaced"
    return {"enable": "resumed", "disable": "paused"}.get(taken[-1] if taken else "", "unchanged")


def _because(taken):
    if taken == ["enable"]:
        return " (it was paused; the configuration says enabled)"
    if taken == ["disable"]:
        return " (the configuration says enabled: false)"
    return ""
