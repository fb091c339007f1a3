"""Compiles the pipeline into a package for open-source Kubeflow Pipelines.

TFX's compiler writes the graph. What the open-source backend needs beyond that is added to
the compiled document, so that neither TFX nor the SDK is patched. Nothing here touches a
bucket or the network, but for the version of `model.weights` where those are in a bucket.
"""

from collections.abc import Sequence
from pathlib import Path

import yaml

from components.engine_arguments import beam_arguments
from files import writing
from files.strict_json import text_of
from kfp import data_service_job, trial_job, worker_job
from kfp.data_fingerprint import STEP, add_data_fingerprint, asked_for, driver_of
from kfp.entrypoint import BEAM
from kfp.image_tag import with_tag
from kfp.indexed_job import waiting
from kfp.needed_packages import check_images
from kfp.package_rules import check_package
from kfp.platform_document import platform_document
from kfp.reserved_gpus import variable as gpus_of
from kfp.run_facts import PUSHING_STEP, add_run_facts
from kfp.run_origin import origin_variable
from kfp.run_parameters import RunParameter, check_steps, on_a_cluster, run_parameters
from pipeline.code_fingerprint import CODE
from pipeline.program import uncollected
from settings.kubeflow import Kubeflow
from settings.tuner import Tuner
from settings.workers import Workers

COMMAND = ["python", "-m", "kfp.entrypoint"]
# Without it, `import kfp` for this folder's modules would import the SDK's client as well.
_ENVIRONMENT = {"_KFP_RUNTIME": "true"}
_EXECUTOR = "{}_executor"
# Argo counts it from the start of the first attempt, gives up once it has passed, and kills a
# further attempt that is still running then; left out, it is 0. No training takes a year.
_MOST_RETRYING = "31536000s"


def compile_package(configuration, output):
    """Writes the package of a configuration; returns the path.

    Raises:
      ConfigurationError: a key of the `kubeflow` section names something unknown.
      PackageRefused: the backend would refuse the package.
    """
    with uncollected():
        from pipeline.create_pipeline import create_pipeline

    there = on_a_cluster(configuration)
    check_images(there)
    parameters = run_parameters(there)
    documents = compile_pipeline(
        create_pipeline(there),
        there.kubeflow,
        parameters,
        origin_variable(there),
        workers=there.training,
        tuner=there.tuner,
        beam=beam_arguments(there.beam),
    )
    return write_package(documents, Path(output))


def compile_pipeline(
    pipeline,
    kubeflow: Kubeflow | None = None,
    parameters: Sequence[RunParameter] = (),
    environment=None,
    workers: Workers | None = None,
    tuner: Tuner | None = None,
    beam: Sequence[str] = (),
):
    """The documents of a TFX pipeline's package: [pipeline spec, platform spec or nothing].

    Args:
      pipeline: a tfx.orchestration.pipeline.Pipeline; pipeline_root is not used.
      environment: {variable: value} for the step that pushes.
      workers: how many pods do the work of Trainer, and how often one may be lost; None for the
        step's own.
      tuner: the section of the Tuner; None for no pods beside it.
      beam: Beam's arguments, for the steps that work on it.

    Raises:
      ConfigurationError: `kubeflow.steps` names no step, or several workers would have no folder
        in common.
      PackageRefused: the backend would refuse the result.
    """
    kubeflow = kubeflow or Kubeflow()
    asked = asked_for(pipeline.components, kubeflow) if pipeline.enable_cache else None
    components = {component.id: component for component in pipeline.components}
    beside = [data_service_job.STEP] if kubeflow.data_service_workers else []
    check_steps(kubeflow, [*components, *([STEP] if asked else []), *beside])
    spec = _compiled(pipeline, kubeflow)
    for parameter in parameters:
        _add_parameter(spec, parameter)
    add_run_facts(spec, parameters)
    if asked:
        add_data_fingerprint(spec, asked)
    steps = {}
    for name, task in spec["root"]["dag"]["tasks"].items():
        step, component = _step(name, kubeflow, asked), components.get(name)
        cached = name != STEP and (component is asked or _is_cached(component, step))
        _finish_task(task, step, cached and pipeline.enable_cache)
        executor = spec["deploymentSpec"]["executors"][_EXECUTOR.format(name)]
        if "container" in executor:
            given = _beam_variable(component, beam)
            if name == PUSHING_STEP:
                given |= environment or {}
            if name == worker_job.STEP:
                given, step = _beside_trainer(step, kubeflow, workers or Workers())
            if name == trial_job.STEP and kubeflow.trial_pods and _runs_several(tuner):
                given, step = _beside_tuner(step, kubeflow, workers or Workers(), tuner)
            executor["container"]["args"] += _state_of_files(component)
            _finish_container(executor["container"], name, step, kubeflow, given)
            steps[_EXECUTOR.format(name)] = step
    platform = platform_document(steps)
    documents = [spec] + ([platform] if platform else [])
    check_package(documents)
    return documents


def write_package(documents, path):
    """Writes the package so that it is there whole or not at all; returns the path."""
    text = yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=True, width=100)
    writing.write(path, text)
    return path


def _compiled(pipeline, kubeflow):
    """The pipeline spec as TFX's compiler makes it, with all defaults."""
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as tfx_runner

    runner = tfx_runner.KubeflowV2DagRunner(
        tfx_runner.KubeflowV2DagRunnerConfig(
            default_image=with_tag(kubeflow.image),
            default_commands=COMMAND,
            use_pipeline_spec_2_1=True,
        )
    )
    spec = runner.run(pipeline, write_out=False)["pipelineSpec"]
    _fill_defaults(spec, pipeline)
    return spec


def _fill_defaults(spec, pipeline):
    """TFX drops the default of a RuntimeParameter; a run would have to give every value."""
    from tfx.orchestration.data_types import RuntimeParameter

    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for component in pipeline.components:
        for value in component.exec_properties.values():
            if isinstance(value, RuntimeParameter) and value.default is not None:
                known[value.name]["defaultValue"] = value.default


def _add_parameter(spec, parameter):
    """Makes a key of a component's section an input of the pipeline."""
    kind = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}[type(parameter.default)]
    root = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    root[parameter.name] = {"parameterType": kind, "defaultValue": parameter.default}
    for task in spec["root"]["dag"]["tasks"].values():
        component = spec["components"][task["componentRef"]["name"]]
        inputs = component.get("inputDefinitions", {}).get("parameters", {})
        if parameter.property in inputs:
            inputs[parameter.input] = {"parameterType": kind}
            task["inputs"]["parameters"][parameter.input] = {
                "componentInputParameter": parameter.name
            }


def _state_of_files(component):
    """What TFX's compiler leaves out: the state of files that neither image nor artifacts hold.

    The cache's key holds a step's arguments. That of this project's code is the image's tag.
    """
    flags = getattr(component and component.executor_spec, "extra_flags", [])
    return [flag for flag in flags if not flag.startswith(CODE)]


def _beam_variable(component, arguments):
    """The environment variable with Beam's arguments, for a step that works on Beam."""
    from tfx.dsl.components.base.base_beam_component import BaseBeamComponent

    on_beam = arguments and isinstance(component, BaseBeamComponent)
    return {BEAM: text_of(list(arguments))} if on_beam else {}


def _step(name, kubeflow, asked):
    """What a step gets; the one that looks at the data, what the ExampleGen gets."""
    if name == STEP:
        return kubeflow.data_fingerprint(asked.id)
    return kubeflow.step(name)


def _is_cached(component, step):
    if step.cache is not None:
        return step.cache
    # With a driver of this kind, a step reads what may change while its parameters stay the same.
    return driver_of(component) is None


def _finish_task(task, step, cached):
    task["cachingOptions"] = {"enableCache": True} if cached else {}
    if step.retries:
        task["retryPolicy"] = {
            "maxRetryCount": step.retries,
            "backoffDuration": f"{step.retry_after_seconds}s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": _MOST_RETRYING,
        }


def _beside_trainer(trainer, kubeflow, workers):
    """(variables, step) of the Trainer, which may have pods beside it."""
    if workers.workers > 1:
        job = worker_job.template(kubeflow, workers, _image(trainer, kubeflow), _ENVIRONMENT)
        return worker_job.variable(job), waiting(kubeflow, trainer)
    if kubeflow.data_service_workers:
        image = _image(data_service_job.step_of(kubeflow), kubeflow)
        jobs = data_service_job.template(kubeflow, workers.worker_restarts, image, _ENVIRONMENT)
        return data_service_job.variable(jobs), trainer
    return {}, trainer


def _runs_several(tuner):
    return tuner is not None and tuner.parallel_trials > 1


def _beside_tuner(step, kubeflow, workers, tuner):
    image = _image(step, kubeflow)
    job = trial_job.template(kubeflow, tuner, workers.worker_restarts, image, _ENVIRONMENT)
    # The search itself asks a bucket which version of the weights it has.
    return trial_job.variable(job), waiting(kubeflow, step, "secrets", "environment")


def _image(step, kubeflow):
    return with_tag(step.image or kubeflow.image, "-gpu" if step.gpu else "")


def _finish_container(container, component, step, kubeflow, environment):
    # The backend merges components whose containers are equal.
    container["args"] += ["--component_id", component]
    if step.image or step.gpu:
        container["image"] = _image(step, kubeflow)
    environment = _ENVIRONMENT | environment | gpus_of(step.gpu) | step.environment
    container["env"] = [{"name": k, "value": v} for k, v in sorted(environment.items())]
    resources = {
        "resourceCpuLimit": step.cpu,
        "resourceMemoryLimit": step.memory,
        "resourceCpuRequest": step.cpu_request,
        "resourceMemoryRequest": step.memory_request,
    }
    resources = {name: value for name, value in resources.items() if value is not None}
    if step.gpu:
        resources["accelerator"] = {
            "resourceType": kubeflow.gpu_resource,
            "resourceCount": str(step.gpu),
        }
    if resources:
        container["resources"] = resources
