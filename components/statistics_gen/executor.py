"""Reads the splits here, or hands them to TFX's Beam pipeline: as the runner asks."""

import logging
from typing import Any

import tensorflow_data_validation as tfdv
from tfx import types
from tfx.types import artifact_utils

from components.engine import EngineExecutor
from components.statistics_gen import image_statistics, statistics_files
from settings.data import Features

progress = logging.getLogger("steadyfeed.progress")


class Executor(EngineExecutor):
    """Writes the statistics of every split; see `StatisticsGen`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        statistics = artifact_utils.get_single_instance(output_dict["statistics"])
        splits = artifact_utils.decode_split_names(examples.split_names)
        shards = {
            split: image_statistics.shards(artifact_utils.get_split_uri([examples], split))
            for split in splits
        }
        options = image_statistics.stats_options(
            [path for split in splits for path in shards[split]],
            Features.model_validate_json(exec_properties["features"]),
        )
        statistics.split_names = artifact_utils.encode_split_names(splits)
        statistics.span = examples.span
        if self.make_pipeline:
            self._run_beam(input_dict, output_dict, options)
        else:
            for done, split in enumerate(splits):
                progress.info("split %s", split, extra={"completed": done / len(splits)})
                result = image_statistics.split_statistics(shards[split], options)
                statistics_files.write(statistics, split, result)
        statistics.set_string_custom_property("summary", statistics_files.summary(statistics))

    def _run_beam(self, input_dict, output_dict, options: tfdv.StatsOptions) -> None:
        # Only here: all of TFX's components come with it, which takes half a second.
        from tfx.components.statistics_gen import executor as tfx_executor

        tfx_executor.Executor(self._context).Do(
            input_dict, output_dict, {"stats_options_json": options.to_json()}
        )
