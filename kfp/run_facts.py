"""What a run tells its Pusher for the model's record: its id, scheduled time, trigger and values.

The driver resolves a placeholder only as a constant input of a task, never through a run's
parameter, and older backends leave some of them literal. They stand at the last step alone,
which is never cached: Kubeflow's cache counts a step's inputs, so a value that differs in every
run would keep the step and all after it from being found there.
"""

RUN_ID = "{{$.pipeline_job_uuid}}"
SCHEDULED_TIME = "{{$.pipeline_job_schedule_time_utc}}"
TRIGGER = "trigger"  # a parameter of the run, which a recurring run sets
BY_HAND, BY_SCHEDULE = "manual", "schedule"
_PLACEHOLDERS = {"run": RUN_ID, "scheduled_time": SCHEDULED_TIME}
PUSHING_STEP = "Pusher"
_VALUE = "configuration__"  # before a key of the configuration, whose parts "__" separates


def add_run_facts(spec, parameters=()):
    """Makes a run's facts inputs of the step that pushes, if the package has one.

    Args:
      parameters: the RunParameters of the package, each of whose values is a fact.
    """
    task = spec["root"]["dag"]["tasks"].get(PUSHING_STEP)
    if task is None:
        return
    root = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    root[TRIGGER] = {"parameterType": "STRING", "defaultValue": BY_HAND}
    given = {n: {"runtimeValue": {"constant": text}} for n, text in _PLACEHOLDERS.items()}
    given[TRIGGER] = {"componentInputParameter": TRIGGER}
    component = spec["components"][task["componentRef"]["name"]]
    inputs = component["inputDefinitions"].setdefault("parameters", {})
    inputs |= {name: {"parameterType": "STRING"} for name in given}
    for one in parameters:
        name = _VALUE + one.path.replace(".", "__")
        inputs[name] = {"parameterType": root[one.name]["parameterType"]}
        given[name] = {"componentInputParameter": one.name}
    task["inputs"].setdefault("parameters", {}).update(given)


def take_run_facts(properties):
    """Takes the facts out of a step's properties: {"run", "scheduled_time", "trigger"}.

    What the backend left literal is missing, and so is the time of a run that was submitted by
    hand: the backend gives it the time of its creation.
    """
    given = {name: properties.pop(name, None) for name in (*_PLACEHOLDERS, TRIGGER)}
    if given[TRIGGER] == BY_HAND:
        given["scheduled_time"] = None
    return {n: text for n, text in given.items() if text and text != _PLACEHOLDERS.get(n)}


def take_run_values(properties):
    """Takes the values of a run's parameters out of a step's properties: {dotted key: value}."""
    names = [name for name in properties if name.startswith(_VALUE)]
    return {name.removeprefix(_VALUE).replace("__", "."): properties.pop(name) for name in names}
