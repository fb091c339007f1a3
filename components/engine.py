"""Where the work on shards runs: on this machine, or on an engine of the section `beam`.

Beam's in-memory runner only uses threads of this very process; a pipeline there costs the
better part of a second before its first record, and saves nothing. On any other runner, as of
Flink, Beam spreads the work. The work, its results and its failures are the same.
"""

import copy
import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from tfx.dsl.components.base import base_beam_executor

from components import shard_reports
from components.engine_job import BeamEngine, JobOptions
from components.engine_processes import ProcessEngine
from components.in_parallel import WITH_TENSORFLOW, in_processes, in_threads, processes_if
from failures import EngineFailure
from files import places, writing

_SIZES_AT_ONCE = 16  # that a network's disk or a bucket is asked for
# What Beam takes for its runner on one machine.
_LOCAL_RUNNERS = ("", "DirectRunner", "SwitchingDirectRunner", "FnApiRunner", "BundleBasedRunner")
_log = logging.getLogger(__name__)
_progress = logging.getLogger("steadyfeed.progress")


class Engine(Protocol):
    """Has work done elsewhere than in this process.

    Attributes:
      name: what it is, for messages.
      retries: how many times it is given again what it has left undone.
    """

    name: str
    retries: int

    def do(self, work: Callable[[tuple[int, Any]], None], shards: Sequence[tuple[int, Any]]):
        """Calls the work with each numbered shard, at least once.

        Raises:
          EngineFailure: it failed itself; some of the work may be done.
        """


class EngineExecutor(base_beam_executor.BaseBeamExecutor):
    """A BaseBeamExecutor that knows whether to use Beam at all.

    Attributes:
      engine: None where this process works.
    """

    def __init__(self, context: base_beam_executor.BaseBeamExecutor.Context | None = None):
        context = copy.copy(context or self.Context())
        arguments = list(context.beam_pipeline_args or [])
        # Given any, TFX packs its own installation for remote workers, for each step anew. The
        # workers have this very environment.
        context.beam_pipeline_args = None
        super().__init__(context)
        component = type(self).__name__.removesuffix("_Executor")
        if context.make_beam_pipeline_fn:
            self.engine = BeamEngine(component, make_pipeline=context.make_beam_pipeline_fn)
        else:
            self.engine = engine_of(component, arguments)


def engine_of(component: str, beam_pipeline_args: Sequence[str]) -> Engine | None:
    """What these arguments ask for; None for this process, as no arguments do."""
    asked = PipelineOptions(list(beam_pipeline_args))
    runner, direct = asked.view_as(StandardOptions).runner or "", asked.view_as(DirectOptions)
    if runner.rpartition(".")[-1] in _LOCAL_RUNNERS:
        if direct.direct_running_mode == "in_memory":
            return None
        if direct.direct_running_mode == "multi_processing":
            job = asked.view_as(JobOptions)
            return ProcessEngine(
                direct.direct_num_workers, job.job_retries or 0, job.job_timeout_seconds
            )
    return BeamEngine(component, beam_pipeline_args)


def run_shards(
    work: Callable[[Any], Any],
    shards: Sequence[Any],
    folder: str,
    engine: Engine | None = None,
    threads: int = 1,
    processes: int = 0,
) -> Iterator[Any]:
    """Does the work on every shard, and yields the results in the shards' order.

    Args:
      work: shard -> result. An engine pickles both, so what the work loads it loads when called.
      shards: what to work on, one work item each.
      folder: where an engine's workers leave results; in reach of all of them, and emptied first.
      engine: where the work is done; None works on this machine.
      threads: how many shards this process works on at once.
      processes: how many work in place of this process's threads; 0: none.

    Raises:
      EngineFailure: the engine failed, more often than it may.
      Exception: the first that the work raised, in the shards' order.
    """
    if engine is None:
        yield from _on_this_machine(work, shards, threads, processes)
        return
    writing.remove(folder)
    _do_all(engine, work, shards, folder)
    for number in range(len(shards)):
        yield shard_reports.result(folder, number)


def processes_for(files: Sequence[str], much: int, cores_each: int) -> int:
    """How many processes `run_shards` needs for files; 0 where threads are as good.

    Args:
      much: bytes of all files together; less is done by the time that processes have started.
      cores_each: how many cores threads of one process keep busy before they wait for each other.
    """
    processes = min(processes_if(True, cores_each, WITH_TENSORFLOW), len(files))
    if processes > 1 and sum(in_threads(_size, files, _SIZES_AT_ONCE)) >= much:
        return processes
    return 0


def _size(file: str) -> int:
    try:
        return places.size(file)
    except Exception as error:
        if not places.is_file_error(error):
            raise
        return 0  # Whoever reads it reports this.


def _do_all(engine: Engine, work: Callable, shards: Sequence[Any], folder: str) -> None:
    """Gives the engine all shards, and again those that it leaves undone, as often as allowed."""
    leave_report = functools.partial(shard_reports.leave, work=work, folder=folder)
    left = list(enumerate(shards))
    for attempt in range(1, 2 + engine.retries):
        failure = None
        try:
            if left:
                engine.do(leave_report, left)
        except EngineFailure as failed:
            failure = failed
        # An engine has been seen to lose records, and to fail after the last one.
        left = [one for one in left if not shard_reports.is_there(folder, one[0])]
        if not left:
            return
        cause = failure or f"{engine.name} ended, and no worker has reported these shards"
        undone = f"{len(left):,} of {len(shards):,} shards are undone"
        _log.warning("%s; %s after attempt %d", cause, undone, attempt)
        if attempt <= engine.retries:
            time.sleep(min(2**attempt, 30))  # An engine that lost a machine looks for another.
    raise EngineFailure(
        f"{str(cause).rstrip('.')}. {undone} after {attempt} attempt{'s' * (attempt > 1)}; "
        "beam.retries sets how often the engine gets them again."
    ) from failure


def _on_this_machine(work, shards, threads: int, processes: int) -> Iterator[Any]:
    if processes:
        results = in_processes(work, shards, min(processes, len(shards)))
    else:
        # One thread needs no pool, which would be a shard ahead of who stops at a result: what
        # failed would still be written to.
        results = map(work, shards) if threads == 1 else in_threads(work, shards, threads)
    for done, result in enumerate(results, start=1):
        completed = {"completed": done / len(shards)}
        _progress.info("shard %d of %d", done, len(shards), extra=completed)
        yield result
