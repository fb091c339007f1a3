"""Work on shards as a Beam job, which has a name, ends in time, and says what ended it."""

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)
from apache_beam.runners.runner import PipelineResult, PipelineState

from failures import EngineFailure

# They hand a job to a service; the others work here, until it is done.
_OF_A_SERVICE = ("PortableRunner", "FlinkRunner", "SparkRunner", "PrismRunner")
# The work raises nothing into Beam, so these are the engine's. What else is raised is a defect
# here, as work that cannot be pickled.
_OF_THE_ENGINE = (RuntimeError, OSError, grpc.RpcError, grpc.FutureTimeoutError)
_CONNECT_SECONDS = 30
_FOR_EVER = 10_000_000  # seconds
_log = logging.getLogger(__name__)


class JobOptions(PipelineOptions):
    """What this project adds to Beam's arguments."""

    @classmethod
    def _add_argparse_args(cls, parser):
        parser.add_argument("--job_timeout_seconds", type=float)
        parser.add_argument("--job_retries", type=int)


class BeamEngine:
    """An Engine that has the work of a component done by a Beam runner.

    Args:
      component: names the job.
      arguments: Beam's command line.
      make_pipeline: makes another pipeline than the arguments do.
    """

    def __init__(
        self,
        component: str,
        arguments: Sequence[str] = (),
        make_pipeline: Callable[[], beam.Pipeline] | None = None,
    ):
        options = PipelineOptions(list(arguments))
        self._make_pipeline = make_pipeline or functools.partial(JobPipeline, component, arguments)
        self.retries = options.view_as(JobOptions).job_retries or 0
        self.name = _name(component, options)

    def do(self, work: Callable[[tuple[int, Any]], None], shards: Sequence[tuple[int, Any]]):
        with self._make_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(shards)
                | "Spread" >> beam.Reshuffle()
                | "Work" >> beam.Map(work)
            )


class JobPipeline(beam.Pipeline):
    """A pipeline for a component.

    Args:
      component: names the job.
      arguments: Beam's command line.
    """

    def __init__(self, component: str, arguments: Sequence[str]):
        options = PipelineOptions(list(arguments))
        options.view_as(GoogleCloudOptions).job_name = _job_name(component, options)
        self._words = _name(component, options)
        runner = options.view_as(StandardOptions).runner or ""
        self._of_a_service = runner.rpartition(".")[-1] in _OF_A_SERVICE
        super().__init__(options=options)

    def run(self, *arguments, **named) -> PipelineResult:
        """Runs the job to its end.

        Raises:
          EngineFailure: the job failed or took too long, or its service is gone.
        """
        try:
            if not self._of_a_service:
                return super().run(*arguments, **named)
            self._await_service()
            result = super().run(*arguments, **named)
            self._await(result)
        except _OF_THE_ENGINE as error:
            _log.error("the Beam job failed", exc_info=True)
            raise EngineFailure(f"{self._words} failed: {_cause(error)}") from error
        return result

    def _await_service(self) -> None:
        """Waits for the service, and only for it: Beam would end long jobs by the same time-out."""
        options = self._options.view_as(PortableOptions)
        if options.job_endpoint:
            seconds = min(_CONNECT_SECONDS, options.job_server_timeout)
            with grpc.insecure_channel(options.job_endpoint) as channel:
                grpc.channel_ready_future(channel).result(seconds)
        options.job_server_timeout = _FOR_EVER

    def _await(self, result: PipelineResult) -> None:
        seconds = self._options.view_as(JobOptions).job_timeout_seconds
        state = result.wait_until_finish(duration=seconds and int(seconds * 1000))
        if PipelineState.is_terminal(state):
            return
        try:
            result.cancel()
        except (RuntimeError, grpc.RpcError):
            _log.warning("the job could not be cancelled", exc_info=True)
        raise EngineFailure(
            f"{self._words} did not end within {seconds:g} seconds ({state}) and was cancelled. "
            "See the engine's own log; beam.job_timeout_seconds sets how long a job may take."
        )


def _job_name(component: str, options: PipelineOptions) -> str:
    # All runners take the name from there.
    return options.view_as(GoogleCloudOptions).job_name or f"steadyfeed-{component.lower()}"


def _name(component: str, options: PipelineOptions) -> str:
    place = options.view_as(PortableOptions).job_endpoint
    runner = options.view_as(StandardOptions).runner
    where = f"the job service at {place}" if place else runner
    return f"the Beam job {_job_name(component, options)} on {where}"


def _cause(error: Exception) -> str:
    """The last line of what a service says, which may hold a worker's whole traceback."""
    if isinstance(error, grpc.FutureTimeoutError):
        return "no answer"
    details = getattr(error, "details", None)
    said = (details() if callable(details) else str(error)) or type(error).__name__
    return said.strip().splitlines()[-1][:300]
