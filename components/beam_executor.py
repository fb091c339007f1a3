"""Executors that leave Beam out where it would only use threads of this very process.

There a pipeline costs the better part of a second before its first record, and
saves nothing. On any other runner (Dataflow, Flink) Beam spreads the work.
"""

import copy
from collections.abc import Sequence

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from tfx.dsl.components.base import base_beam_executor

# What Beam takes for its runner inside one process.
_LOCAL_RUNNERS = ("", "DirectRunner", "SwitchingDirectRunner", "FnApiRunner", "BundleBasedRunner")


class BeamExecutor(base_beam_executor.BaseBeamExecutor):
    """A BaseBeamExecutor that knows whether to use Beam at all.

    Attributes:
      uses_beam: whether `_make_beam_pipeline` is the way to do the work.
    """

    def __init__(self, context: base_beam_executor.BaseBeamExecutor.Context | None = None):
        context = copy.copy(context or self.Context())
        self.uses_beam = bool(
            context.make_beam_pipeline_fn or not runs_in_process(context.beam_pipeline_args or [])
        )
        if not self.uses_beam:
            # Given any, TFX packs its own installation for remote workers: for three seconds.
            context.beam_pipeline_args = None
        super().__init__(context)


def runs_in_process(beam_pipeline_args: Sequence[str]) -> bool:
    """Whether these arguments name Beam's in-memory runner, as no arguments do."""
    asked = PipelineOptions(list(beam_pipeline_args))
    runner = asked.view_as(StandardOptions).runner or ""
    mode = asked.view_as(DirectOptions).direct_running_mode
    return runner.rpartition(".")[-1] in _LOCAL_RUNNERS and mode == "in_memory"
