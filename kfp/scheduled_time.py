"""Gives the time for which a run was scheduled to the step that ingests the data.

The driver resolves the placeholder only as a constant input of a task, never through a run's
parameter. Older backends leave it literal.
"""

PLACEHOLDER = "{{$.pipeline_job_schedule_time_utc}}"
PARAMETER = "scheduled_time"
# This step is never cached, so a value that differs in every run costs nothing.
_STEP = "TfdsExampleGen"


def add_scheduled_time(spec):
    """Makes the scheduled time an input of the ingesting step, if the package has one."""
    task = spec["root"]["dag"]["tasks"].get(_STEP)
    if task is None:
        return
    component = spec["components"][task["componentRef"]["name"]]
    inputs = component["inputDefinitions"].setdefault("parameters", {})
    inputs[PARAMETER] = {"parameterType": "STRING"}
    task["inputs"].setdefault("parameters", {})[PARAMETER] = {
        "runtimeValue": {"constant": PLACEHOLDER}
    }


def take_scheduled_time(properties):
    """Takes the time out of a step's properties; "" where the backend left it literal."""
    given = properties.pop(PARAMETER, "")
    return "" if given == PLACEHOLDER else given
