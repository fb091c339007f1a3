"""Reads the splits here, or hands them to TFX's Beam pipeline: as the runner asks."""

import copy
import json
import logging
from typing import Any

import tensorflow_data_validation as tfdv
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from components.statistics_gen import image_statistics, statistics_files

progress = logging.getLogger("steadyfeed.progress")

# What Beam takes for its runner inside one process.
LOCAL_RUNNERS = ("", "DirectRunner", "SwitchingDirectRunner", "FnApiRunner", "BundleBasedRunner")


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of `StatisticsGen`."""

    def __init__(self, context: base_beam_executor.BaseBeamExecutor.Context | None = None):
        # Given Beam arguments, TFX packs its own installation for Beam's workers: that takes
        # seconds, so they are kept until a pipeline is wanted.
        self._beam_context = context or base_beam_executor.BaseBeamExecutor.Context()
        without_arguments = copy.copy(self._beam_context)
        without_arguments.beam_pipeline_args = None
        super().__init__(without_arguments)

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the statistics of every split.

        Args:
          input_dict: `examples`: one Examples artifact of plain or gzipped TFRecords.
          output_dict: `statistics`: one ExampleStatistics artifact. Its custom property
            `summary` says how many examples there are.
          exec_properties: `image_features`, a JSON list of names; `label_feature`, a name.

        Raises:
          Failure: examples are missing, damaged or contradict each other.
        """
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        statistics = artifact_utils.get_single_instance(output_dict["statistics"])
        splits = artifact_utils.decode_split_names(examples.split_names)
        shards = {
            split: image_statistics.shards(artifact_utils.get_split_uri([examples], split))
            for split in splits
        }
        options = image_statistics.stats_options(
            [path for split in splits for path in shards[split]],
            json.loads(exec_properties["image_features"]),
            exec_properties["label_feature"],
        )
        statistics.split_names = artifact_utils.encode_split_names(splits)
        statistics.span = examples.span
        wanted = self._beam_context
        if not wanted.make_beam_pipeline_fn and runs_in_process(wanted.beam_pipeline_args or []):
            for done, split in enumerate(splits):
                progress.info("split %s", split, extra={"completed": done / len(splits)})
                result = image_statistics.split_statistics(shards[split], options)
                statistics_files.write(statistics, split, result)
        else:
            self._run_beam(input_dict, output_dict, options)
        statistics.set_string_custom_property("summary", statistics_files.summary(statistics))

    def _run_beam(self, input_dict, output_dict, options: tfdv.StatsOptions) -> None:
        # Only here: all of TFX's components come with it, which takes half a second.
        from tfx.components.statistics_gen import executor as tfx_executor

        tfx_executor.Executor(self._beam_context).Do(
            input_dict, output_dict, {"stats_options_json": options.to_json()}
        )


def runs_in_process(beam_pipeline_args: list[str]) -> bool:
    """Whether these arguments name Beam's in-memory runner, as no arguments do."""
    options = PipelineOptions(beam_pipeline_args)
    runner = options.view_as(StandardOptions).runner or ""
    mode = options.view_as(DirectOptions).direct_running_mode
    return runner.rpartition(".")[-1] in LOCAL_RUNNERS and mode == "in_memory"
