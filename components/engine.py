"""Where the work on shards runs: in this process, or on the workers of a Beam runner.

Beam's in-memory runner only uses threads of this very process; a pipeline there costs the
better part of a second before its first record, and saves nothing. On any other runner, as of
Flink, Beam spreads the work. The work, its results and its failures are the same.
"""

import collections
import copy
import functools
import itertools
import logging
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from tfx.dsl.components.base import base_beam_executor

from components.engine_job import JobPipeline
from failures import Failure
from files import places, writing

# What Beam takes for its runner inside one process.
_LOCAL_RUNNERS = ("", "DirectRunner", "SwitchingDirectRunner", "FnApiRunner", "BundleBasedRunner")
_progress = logging.getLogger("steadyfeed.progress")

MakePipeline = Callable[[], beam.Pipeline]


class EngineExecutor(base_beam_executor.BaseBeamExecutor):
    """A BaseBeamExecutor that knows whether to use Beam at all.

    Attributes:
      make_pipeline: makes an empty pipeline on the runner; None where this process works.
    """

    def __init__(self, context: base_beam_executor.BaseBeamExecutor.Context | None = None):
        context = copy.copy(context or self.Context())
        arguments = list(context.beam_pipeline_args or [])
        # Given any, TFX packs its own installation for remote workers, for each step anew. The
        # workers have this very environment.
        context.beam_pipeline_args = None
        super().__init__(context)
        self.make_pipeline: MakePipeline | None = None
        if context.make_beam_pipeline_fn:
            self.make_pipeline = context.make_beam_pipeline_fn
        elif not runs_in_process(arguments):
            component = type(self).__name__.removesuffix("_Executor")
            self.make_pipeline = functools.partial(JobPipeline, component, arguments)


def runs_in_process(beam_pipeline_args: Sequence[str]) -> bool:
    """Whether these arguments name Beam's in-memory runner, as no arguments do."""
    asked = PipelineOptions(list(beam_pipeline_args))
    runner = asked.view_as(StandardOptions).runner or ""
    mode = asked.view_as(DirectOptions).direct_running_mode
    return runner.rpartition(".")[-1] in _LOCAL_RUNNERS and mode == "in_memory"


def run_shards(
    work: Callable[[Any], Any],
    shards: Sequence[Any],
    folder: str,
    make_pipeline: MakePipeline | None = None,
    threads: int = 1,
) -> Iterator[Any]:
    """Does the work on every shard, and yields the results in the shards' order.

    Args:
      work: shard -> result. On Beam both are pickled, so what it loads it loads when called.
      shards: what to work on, one work item each.
      folder: where Beam's workers leave results; in reach of all of them, and emptied first.
      make_pipeline: makes an empty pipeline on the runner; None works in this process.
      threads: how many shards this process works on at once.

    Raises:
      Failure: the first that the work raised, in the shards' order; or the runner lost a shard.
    """
    if make_pipeline is None:
        yield from _in_process(work, shards, threads)
        return
    writing.remove(folder)
    with make_pipeline() as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(list(enumerate(shards)))
            | "Spread" >> beam.Reshuffle()
            | "Work" >> beam.Map(_report, work, folder)
        )
    for number in range(len(shards)):
        yield _reported(folder, number)


def _in_process(work, shards, threads: int) -> Iterator[Any]:
    # One thread needs no pool, which would be a shard ahead of who stops at a result: what
    # failed would still be written to.
    results = map(work, shards) if threads == 1 else in_threads(work, shards, threads)
    for done, result in enumerate(results, start=1):
        completed = {"completed": done / len(shards)}
        _progress.info("shard %d of %d", done, len(shards), extra=completed)
        yield result


def in_threads(work: Callable[[Any], Any], items: Iterable[Any], threads: int) -> Iterator[Any]:
    """The results of the work on items, in their order; as many ahead as there are threads."""
    waiting, ahead = iter(items), collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            ahead.extend(pool.submit(work, item) for item in itertools.islice(waiting, threads))
            while ahead:
                result = ahead.popleft().result()
                ahead.extend(pool.submit(work, item) for item in itertools.islice(waiting, 1))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


def _report(numbered: tuple[int, Any], work, folder: str) -> None:
    """Leaves a shard's result or failure as a file, for the machine that asked for the work.

    Beam wraps what a worker raises, on some runners into nothing but text. A failure that the
    user can mend therefore travels like a result, and all else is the engine's own.
    """
    number, shard = numbered
    try:
        report = work(shard), None
    except Failure as failure:
        report = None, str(failure)
    # A worker that is lost and done again writes the same report once more.
    writing.write(_report_file(folder, number), pickle.dumps(report))


def _reported(folder: str, number: int) -> Any:
    try:
        with places.opened(_report_file(folder, number)) as file:
            result, failure = pickle.loads(file.read())
    except Exception as error:
        if not places.is_missing(error):
            raise
        raise Failure(
            f"The Beam runner lost shard {number}: no worker reported it. Run again; if that "
            "does not help, choose another beam.engine."
        ) from error
    if failure is not None:
        raise Failure(failure)
    return result


def _report_file(folder: str, number: int) -> str:
    return f"{folder}/{number:06d}.pickle"
