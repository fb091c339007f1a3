"""The time for which a run was scheduled, given to the step that ingests the data.

The driver resolves the placeholder only as a constant input of a task, never through a
parameter of the run, and only in newer backends; older ones leave it literal.
"""

PLACEHOLDER = "{{$.pipeline_job_schedule_time_utc}}"
PARAMETER = "scheduled_time"
# Never cached, so that a value that differs in every run costs nothing.
_STEP = "TfdsExampleGen"


def add_scheduled_time(spec):
    """Makes the scheduled time an input of the ingesting step, where there is one."""
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
    """Takes the time out of a step's properties; "" where no backend filled it in."""
    given = properties.pop(PARAMETER, "")
    return "" if given == PLACEHOLDER else given
