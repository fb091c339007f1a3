"""A Beam pipeline whose job has a name, ends in time, and says what ended it."""

import logging
from collections.abc import Sequence

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)
from apache_beam.runners.runner import PipelineResult, PipelineState

from failures import Failure

# They hand a job to a service; the others work here, and raise what a worker raised.
_OF_A_SERVICE = ("PortableRunner", "FlinkRunner", "SparkRunner", "PrismRunner")
_log = logging.getLogger(__name__)


class JobOptions(PipelineOptions):
    """What this project adds to Beam's arguments."""

    @classmethod
    def _add_argparse_args(cls, parser):
        parser.add_argument("--job_timeout_seconds", type=float)


class JobPipeline(beam.Pipeline):
    """A pipeline for a component.

    Args:
      component: names the job.
      arguments: Beam's command line.
    """

    def __init__(self, component: str, arguments: Sequence[str]):
        options = PipelineOptions(list(arguments))
        named = options.view_as(GoogleCloudOptions)  # whose name all runners take
        named.job_name = named.job_name or f"steadyfeed-{component.lower()}"
        self._component = component
        super().__init__(options=options)

    def run(self, *arguments, **named) -> PipelineResult:
        """Runs the job to its end.

        Raises:
          Failure: on a job service, the job failed or took too long, or the service is gone.
        """
        if not self._of_a_service:
            return super().run(*arguments, **named)
        try:
            result = super().run(*arguments, **named)
            self._await(result)
        except (RuntimeError, grpc.RpcError, grpc.FutureTimeoutError) as error:
            _log.error("the Beam job failed", exc_info=True)
            raise Failure(f"{self._words} failed: {_cause(error)}") from error
        return result

    def _await(self, result: PipelineResult) -> None:
        seconds = self._options.view_as(JobOptions).job_timeout_seconds
        state = result.wait_until_finish(duration=seconds and int(seconds * 1000))
        if PipelineState.is_terminal(state):
            return
        try:
            result.cancel()
        except (RuntimeError, grpc.RpcError):
            _log.warning("the job could not be cancelled", exc_info=True)
        raise Failure(
            f"{self._words} did not end within {seconds:g} seconds ({state}) and was cancelled. "
            "See the engine's own log; beam.job_timeout_seconds sets how long a job may take."
        )

    @property
    def _of_a_service(self) -> bool:
        runner = self._options.view_as(StandardOptions).runner or ""
        return runner.rpartition(".")[-1] in _OF_A_SERVICE

    @property
    def _words(self) -> str:
        name = self._options.view_as(GoogleCloudOptions).job_name
        runner = self._options.view_as(StandardOptions).runner
        place = self._options.view_as(PortableOptions).job_endpoint
        return f"the Beam job {name} on {f'the job service at {place}' if place else runner}"


def _cause(error: Exception) -> str:
    """The last line of what a service says, which may hold a worker's whole traceback."""
    if isinstance(error, grpc.FutureTimeoutError):
        return "no answer"
    details = getattr(error, "details", None)
    said = (details() if callable(details) else str(error)) or type(error).__name__
    return said.strip().splitlines()[-1][:300]
