"""The local TFX runner, which reports each component's outcome to an observer."""

import functools
import logging
import time

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.proto.orchestration.executable_spec_pb2 import BeamExecutableSpec

from components.examples.contents import forget_last_read
from pipeline.metadata_store import outputs_of, plain
from pipeline.origin import record_origin
from pipeline.outcome import Outcome
from pipeline.run_metadata import RunMetadata

_log = logging.getLogger(__name__)


class ComponentFailed(Exception):
    """A component failed; `cause` is the exception that it raised."""

    def __init__(self, component, cause):
        super().__init__(component, cause)
        self.component = component
        self.cause = cause

    def __str__(self):
        return f"{self.component}: {self.cause}"


class LocalRunner(LocalDagRunner):
    """Runs the components in the order of the pipeline, in this process.

    LocalDagRunner's own loop does not report which component runs and whether its result came
    from the cache, so the loop is here, over the same launcher.

    Args:
      observer: gets `started(component)` and `finished(Outcome)`.
      origin: what `origin_of` gave; the run's context keeps it, however the run ends.
      operators: makes the operator of a component, by its id; others get TFX's own.
      beam_arguments: for every component that works on Beam.
    """

    def __init__(self, observer, run_id, origin=None, operators=None, beam_arguments=()):
        super().__init__()
        self._observer = observer
        self._run_id = run_id
        self._origin = origin or {}
        self._operators = operators or {}
        self._on_beam = functools.partial(BeamArgumentsOperator, arguments=beam_arguments)

    def run_with_ir(self, pipeline, run_options=None):
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        which = deployment.metadata_connection_config.WhichOneof("connection_config")
        connection = getattr(deployment.metadata_connection_config, which)
        with metadata.Metadata(connection) as handle:
            record_origin(handle, pipeline.nodes[0].pipeline_node, self._run_id, self._origin)
        handle = RunMetadata(connection, self._run_id)
        for node in pipeline.nodes:
            self._run_node(pipeline, node.pipeline_node, deployment, handle)

    def _run_node(self, pipeline, node, deployment, handle):
        component = node.node_info.id
        _log.info("%s started", component)
        self._observer.started(component)
        began = time.monotonic()
        spec = runner_utils.extract_executor_spec(deployment, component)
        operators = {BeamExecutableSpec: self._on_beam}
        if component in self._operators:
            operators[type(spec)] = self._operators[component]
        try:
            info = launcher.Launcher(
                pipeline_node=node,
                mlmd_connection=handle,
                pipeline_info=pipeline.pipeline_info,
                pipeline_runtime_spec=pipeline.runtime_spec,
                executor_spec=spec,
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, component),
                custom_executor_operators=operators,
            ).launch()
        except Exception as cause:
            seconds = time.monotonic() - began
            self._observer.finished(Outcome(component, "failed", seconds, error=str(cause)))
            raise ComponentFailed(component, cause) from cause
        finally:
            forget_last_read()  # It would take gigabytes from the Trainer.
        with handle:
            status, outputs = _read_outcome(handle.store, info.execution_id)
        outcome = Outcome(component, status, time.monotonic() - began, outputs)
        self._observer.finished(outcome)
        if outcome.status == "failed":
            # The launcher reports unresolved inputs by the state alone.
            raise ComponentFailed(component, RuntimeError("its inputs were not found"))


class BeamArgumentsOperator(BeamExecutorOperator):
    """Gives an executor Beam's arguments, of which the cache key knows nothing."""

    def __init__(self, executor_spec, platform_config=None, *, arguments):
        given = BeamExecutableSpec.FromString(executor_spec.SerializeToString())
        for argument in arguments:
            given.beam_pipeline_args_placeholders.add().value.string_value = argument
        super().__init__(given, platform_config)


def _read_outcome(store, execution_id):
    [execution] = store.get_executions_by_id([execution_id])
    states = metadata_store_pb2.Execution
    status = {states.COMPLETE: "ran", states.CACHED: "cached"}.get(
        execution.last_known_state, "failed"
    )
    outputs = {
        name: plain(artifact.custom_properties)
        for name, artifact in outputs_of(store, execution_id).items()
    }
    return status, outputs
