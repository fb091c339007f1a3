"""The step that tells Kubeflow's cache whether the data has changed.

TFX asks a component's driver before it looks for a cached result. Kubeflow has no such drivers,
and its cache cannot see what lies in a folder. So a package asks the driver of the ExampleGen in
a step of its own, which always runs, and hands the answer to the ExampleGen as a parameter. When
an earlier run got the same answer, the cache has its Examples, and all that was made of them.
"""

import copy

from components.cache_driver import CacheDriver
from settings.kubeflow import DATA_FINGERPRINT as STEP

_TYPE = {"parameterType": "STRING"}


def driver_of(component):
    """The CacheDriver of a component, or None; resolvers and importers have no driver at all."""
    driver = getattr(component, "DRIVER_CLASS", object)
    return driver if issubclass(driver, CacheDriver) else None


def asked_for(components, kubeflow):
    """The component whose driver the step asks; None where a package needs no such step.

    A `cache` of its step in the configuration decides without looking at the data.
    """
    for component in components:
        driver, decided = driver_of(component), kubeflow.step(component.id).cache is not None
        if driver and not decided and driver.is_portable(component.exec_properties):
            return component
    return None


def add_data_fingerprint(spec, component):
    """Adds the step to a pipeline spec, in front of the component's.

    It has the component's container and inputs, and its answer for an output.
    """
    driver = driver_of(component)
    name, parameter = component.id, driver.PARAMETER
    task, definition = spec["root"]["dag"]["tasks"][name], spec["components"][name]
    executors = spec["deploymentSpec"]["executors"]
    step = {"componentRef": {"name": STEP}, "taskInfo": {"name": STEP}}
    spec["root"]["dag"]["tasks"][STEP] = copy.deepcopy(task) | step
    spec["components"][STEP] = {
        "executorLabel": f"{STEP}_executor",
        "inputDefinitions": copy.deepcopy(definition["inputDefinitions"]),
        "outputDefinitions": {"parameters": {parameter: _TYPE}},
    }
    executors[f"{STEP}_executor"] = copy.deepcopy(executors[definition["executorLabel"]])
    words = ["--driver_class_path", f"{driver.__module__}.{driver.__qualname__}"]
    executors[f"{STEP}_executor"]["container"]["args"] += words
    definition["inputDefinitions"]["parameters"][parameter] = _TYPE
    answer = {"producerTask": STEP, "outputParameterKey": parameter}
    task["inputs"]["parameters"][parameter] = {"taskOutputParameter": answer}
    task.setdefault("dependentTasks", []).append(STEP)
