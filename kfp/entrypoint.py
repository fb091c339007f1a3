"""`python -m kfp.entrypoint`: runs a component's executor, or its driver, in a pod of Kubeflow.

TFX's own entrypoint was made for another backend. This one accepts what the open-source
driver passes (inputs without types, an output `executor-logs`, addresses that nothing here
can open) and leaves what the open-source launcher can publish.

Exit codes: 0 done, 1 the component failed, 130 interrupted by Ctrl-C, or a search by SIGTERM; of
a failure, the last line on stderr says which component and why.
It is a program of its own, in a pod, so it reports its failure itself.
"""

import argparse
import contextlib
import functools
import importlib
import json
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import traceback

from failures import ConfigurationError, Failure, component_failed
from files import writing
from files.strict_json import text_of
from kfp.launcher_paths import local_path, step_address
from kfp.reserved_gpus import check_reserved_gpus
from kfp.run_facts import take_run_facts, take_run_values
from kfp.run_origin import origin_in, with_run_values
from kfp.run_parameters import replace_keys
from pipeline import own_code_check, surroundings
from pipeline.program import LOG_FORMAT, leave, uncollected
from pipeline.temporary_folder import temporary_folder

LOG_OUTPUT = "executor-logs"
# Variables, as what they say does not make other results: Kubeflow 2.17 leaves them out of its
# cache's key. Later versions count them (kubeflow/pipelines#14340) and run the step again once.
WORKERS = "STEADYFEED_WORKERS"  # `worker_job.template`, as JSON
DATA_SERVICE = "STEADYFEED_DATA_SERVICE"  # `data_service_job.template`, as JSON
TRIALS = "STEADYFEED_TRIALS"  # `trial_job.template`, as JSON
BEAM = "STEADYFEED_BEAM"  # Beam's arguments, as a JSON list
_PODS = {
    WORKERS: ("kfp.worker_step", "train_together"),
    DATA_SERVICE: ("kfp.data_service_step", "train_beside"),
    TRIALS: ("kfp.trial_step", "search_with_pods"),
}
_COMPILES = re.compile(r"\b(trainer|tuner)\.")  # executors that may use XLA
_SEARCHES = re.compile(r"\btuner\.")
_INTERRUPTED = 130


def main(argv=None):
    step, beam_args = _parse(argv)
    surroundings.pin()  # whatever the image or the step's variables say
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    try:
        if _COMPILES.search(step.executor_class_path):
            surroundings.check_xla()
        check_reserved_gpus(step.component_id)
        with (
            # What a library still writes there must not turn a finished step into a failed one.
            tempfile.TemporaryDirectory(prefix="steadyfeed-", ignore_cleanup_errors=True) as folder,
            temporary_folder(os.path.join(folder, "tmp")),
            _asked_to_end(step.executor_class_path),
        ):
            own_code_check.check_own_code(beam_args)
            given = json.loads(step.json_serialized_invocation_args)
            inputs_spec = json.loads(step.json_serialized_inputs_spec_args)
            if step.driver_class_path:
                ask(step.driver_class_path, given, inputs_spec)
            else:
                _with_pods()(step.executor_class_path, given, inputs_spec, beam_args)
    except Exception as error:
        if not isinstance(error, Failure | ConfigurationError):
            traceback.print_exc()
        print(component_failed(step.component_id, error), file=sys.stderr)
        return Failure.exit_code
    return 0


@contextlib.contextmanager
def _asked_to_end(executor):
    """Has SIGTERM, as of an eviction, interrupt a search, which counts what kills its trials."""
    if not _SEARCHES.search(executor):
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _with_pods():
    """`run`, or what does the same with pods beside this one, where the step is given any."""
    for variable, (module, name) in _PODS.items():
        if variable in os.environ:
            work = getattr(importlib.import_module(module), name)
            return functools.partial(work, template=json.loads(os.environ[variable]))
    return run


def _parse(argv):
    parser = argparse.ArgumentParser(prog="python -m kfp.entrypoint")
    # The names of TFX's own entrypoint: its compiler writes them.
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    parser.add_argument("--component_id", default="component")
    parser.add_argument("--driver_class_path")
    return parser.parse_known_args(argv)


def run(executor, executor_input, inputs_spec, beam_args):
    """Runs the executor and writes the output file that the launcher reads.

    Args:
      executor: module.Class.
      executor_input: an ExecutorInput as JSON.
      inputs_spec: a ComponentInputsSpec as JSON.

    Raises:
      Exception: whatever the executor raises; no output file is written then.
    """
    with uncollected():
        from tfx.orchestration.portable import outputs_utils

        from kfp.artifact_records import to_artifact, to_record

        executor_class = _imported(executor)
    inputs = executor_input.get("inputs", {})
    outputs = executor_input.get("outputs", {})
    schemas = inputs_spec.get("artifacts", {})
    input_dict = {
        key: [to_artifact(record, schemas[key]["artifactType"]) for record in value["artifacts"]]
        for key, value in inputs.get("artifacts", {}).items()
        if value.get("artifacts")
    }
    output_dict = {
        key: [to_artifact(record, record["type"]) for record in value["artifacts"]]
        for key, value in outputs.get("artifacts", {}).items()
        if key != LOG_OUTPUT
    }
    outputs_utils.make_output_dirs(output_dict)  # as TFX's own runners do
    given = {key: [artifact.uri for artifact in made] for key, made in output_dict.items()}
    exec_properties = _exec_properties(
        inputs.get("parameterValues", {}), inputs_spec.get("parameters", {})
    )
    facts, values = take_run_facts(exec_properties), take_run_values(exec_properties)
    origin = with_run_values(origin_in(os.environ), values)
    if facts or origin:
        _describe(input_dict, inputs["artifacts"], origin | facts)
    made = _make_executor(executor_class, beam_args, facts.get("run"), step_address(executor_input))
    _check(made.Do(input_dict, output_dict, exec_properties))
    for key, artifacts in output_dict.items():
        # A typed component puts copies of the artifacts in their place.
        for artifact, uri in zip(artifacts, given[key], strict=True):
            _bring_home(artifact, uri)
            for name, text in origin.items():
                artifact.set_string_custom_property(name, text)
    records = {
        key: {"artifacts": [to_record(a) for a in artifacts]}
        for key, artifacts in output_dict.items()
    }
    content = text_of({"artifacts": records}, sort_keys=True)
    writing.write(local_path(outputs["outputFile"]), content)


def ask(driver, executor_input, inputs_spec):
    """Runs a component's driver and leaves its answer as an output parameter.

    Args:
      driver: module.Class of a CacheDriver that looks at no input artifact.
      executor_input, inputs_spec: as for `run`, of the component.

    Raises:
      Exception: whatever the driver raises; no output file is written then.
    """
    values = executor_input.get("inputs", {}).get("parameterValues", {})
    properties = _exec_properties(values, inputs_spec.get("parameters", {}))
    asked = _imported(driver)(None)  # There is no ML Metadata in a pod.
    answer = {"parameterValues": {asked.PARAMETER: asked.portable_value(properties)}}
    writing.write(local_path(executor_input["outputs"]["outputFile"]), text_of(answer))


def _imported(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _exec_properties(values, specs):
    """The parameters as the executor expects them: JSON has no integers, and specs do."""
    integers = {n for n, spec in specs.items() if spec.get("parameterType") == "NUMBER_INTEGER"}
    properties = {n: int(value) if n in integers else value for n, value in values.items()}
    replace_keys(properties)
    return properties


def _describe(input_dict, records, facts):
    """Adds to a step's inputs what it records of them: the run, and their place in the store."""
    for key, artifacts in input_dict.items():
        for artifact, record in zip(artifacts, records[key]["artifacts"], strict=True):
            for name, text in (facts | {"store_uri": record["uri"]}).items():
                artifact.set_string_custom_property(name, text)


def _make_executor(executor_class, beam_args, run_id, attempts_of):
    from tfx.dsl.components.base import base_beam_executor, base_executor

    if issubclass(executor_class, base_beam_executor.BaseBeamExecutor):
        context, flags = base_beam_executor.BaseBeamExecutor.Context, "beam_pipeline_args"
        beam_args = [*beam_args, *json.loads(os.environ.get(BEAM, "[]"))]
    else:
        context, flags = base_executor.BaseExecutor.Context, "extra_flags"
    temporary = tempfile.mkdtemp()
    places = {
        "tmp_dir": os.path.join(temporary, "tmp"),
        "stateful_working_dir": os.path.join(temporary, "state"),
        "executor_output_uri": os.path.join(temporary, "executor_output.pb"),
    }
    given = context(unique_id="1", pipeline_run_id=run_id, **{flags: beam_args}, **places)
    # What the executor has made is uploaded after its end: if that fails, the step is repeated.
    given.attempts_of = attempts_of
    return executor_class(given)


def _check(result):
    """An executor may report a failure by a code instead of an exception."""
    if result is not None and result.execution_result.code:
        raise RuntimeError(
            result.execution_result.result_message or "the executor reported a failure"
        )


def _bring_home(artifact, given):
    """Copies what an executor wrote elsewhere to the place that the launcher uploads."""
    if artifact.uri != given:
        elsewhere = local_path(artifact.uri)
        if os.path.isdir(elsewhere):
            shutil.copytree(elsewhere, given, dirs_exist_ok=True)
        elif os.path.exists(elsewhere):
            os.makedirs(os.path.dirname(given), exist_ok=True)
            shutil.copyfile(elsewhere, given)
        artifact.uri = given


if __name__ == "__main__":
    try:
        leave(main())
    except KeyboardInterrupt:
        print("The step was interrupted.", file=sys.stderr)
        leave(_INTERRUPTED)
