"""StatisticsGen: TFDV statistics of every split, with images as opaque bytes."""

import functools
import logging

import tensorflow_data_validation as tfdv
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.types import artifact_utils, standard_artifacts

from components.engine import MakePipeline
from components.examples.reading import read_shared
from components.spans import reading
from components.spans.store import NO_STORE, SpanStore
from components.statistics_gen import image_statistics, overlap, statistics_files
from components.statistics_gen.parts import Parts
from components.typed_component import component
from settings.data import Features

_progress = logging.getLogger("steadyfeed.progress")


@component
def StatisticsGen(
    examples: InputArtifact[standard_artifacts.Examples],
    features: Features,
    statistics: OutputArtifact[standard_artifacts.ExampleStatistics],
    span_store: SpanStore = NO_STORE,
    make_pipeline: MakePipeline | None = None,
):
    """Computes TFDV statistics of each split of `examples`.

    The output has TFX's own layout (`Split-<name>/FeatureStats.pb`), so TFDV and
    every TFX component read it; beside it, overlap.json has how many images two splits share.
    Its custom property `summary` says how many examples there are, and warns of these images.
    Of images and masks the statistics have presence and size in bytes only; integer
    labels are counted by class.

    Where the examples come in spans, statistics are gathered span by span and merged, and the
    span store keeps what was gathered: the next run reads the new spans alone.

    With Beam's in-memory runner, the default, the splits are read in this process;
    memory is one batch and eight bytes an image. With any other runner in the
    component's `beam_pipeline_args` the same statistics come from TFX's Beam pipeline, which
    reads all spans anew.
    """
    splits = artifact_utils.decode_split_names(examples.split_names)
    shards = {
        split: image_statistics.shards(artifact_utils.get_split_uri([examples], split))
        for split in splits
    }
    options = image_statistics.stats_options(
        [path for split in splits for path in shards[split]], features
    )
    statistics.split_names = artifact_utils.encode_split_names(splits)
    statistics.span = examples.span
    parts = Parts(reading.read(examples.uri), shards, span_store)
    if make_pipeline:
        _run_beam(examples, statistics, options, make_pipeline)
    else:
        for done, split in enumerate(splits):
            _progress.info("split %s", split, extra={"completed": done / len(splits)})
            gather = functools.partial(image_statistics.accumulated, options=options)
            gathered = parts.gathered(split, gather, options.to_json())
            result = image_statistics.merged(gathered, options)
            statistics_files.write(statistics, split, result)
    names = read_shared(examples)
    overlap.write(statistics.uri, parts, features.image_feature, make_pipeline, names)
    summary = statistics_files.summary(statistics)
    statistics.set_string_custom_property(
        "summary", "; ".join(filter(None, [summary, parts.words]))
    )


def _run_beam(examples, statistics, options: tfdv.StatsOptions, make_pipeline) -> None:
    # Only here: all of TFX's components come with it, which takes half a second.
    from tfx.components.statistics_gen.executor import Executor

    Executor(Executor.Context(make_beam_pipeline_fn=make_pipeline)).Do(
        {"examples": [examples]},
        {"statistics": [statistics]},
        {"stats_options_json": options.to_json()},
    )
