"""StatisticsGen: TFDV statistics of every split, with images as opaque bytes."""

import functools
import os

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.types import artifact_utils, standard_artifacts

from components.engine import Engine
from components.examples.counted import check_read
from components.examples.reading import read_shared
from components.spans import reading
from components.spans.store import NO_STORE, SpanStore
from components.statistics_gen import image_statistics, overlap, statistics_files
from components.statistics_gen.parts import Parts
from components.typed_component import component
from files import writing
from settings.data import Features


@component
def StatisticsGen(
    examples: InputArtifact[standard_artifacts.Examples],
    features: Features,
    statistics: OutputArtifact[standard_artifacts.ExampleStatistics],
    span_store: SpanStore = NO_STORE,
    engine: Engine | None = None,
):
    """Computes TFDV statistics of each split of `examples`.

    The output has TFX's own layout (`Split-<name>/FeatureStats.pb`), so TFDV and
    every TFX component read it; beside it, overlap.json has how many images two splits share.
    Its custom property `summary` says how many examples there are, and warns of these images.
    Of images and masks the statistics have presence and size in bytes only; integer
    labels are counted by class.

    Where the examples come in spans, statistics are gathered span by span and merged, and the
    span store keeps what was gathered: the next run reads the new spans alone.

    Each shard is read once, as many at once on this machine as it has cores, or all of them in one
    job of an engine, and what was gathered from them is merged in their order, so that the
    statistics are the same. Memory is one batch a core and eight bytes an image.

    Raises:
      Failure: a shard is damaged, or examples of a split are missing.
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
    reports = os.path.join(statistics.uri, "shards")
    gather = functools.partial(
        image_statistics.gathered,
        options=options,
        image_feature=features.image_feature,
        folder=reports,
        engine=engine,
    )
    try:
        gathered = parts.gathered(gather, options.to_json(), features.image_feature)
    finally:
        writing.remove(reports)
    for split, found in gathered.items():
        result = image_statistics.merged(found, options)
        check_read("StatisticsGen", examples, {split: statistics_files.num_examples(result)})
        statistics_files.write(statistics, split, result)
    digests = {
        split: overlap.joined(part.digests for part in found) for split, found in gathered.items()
    }
    overlap.write(statistics.uri, digests, read_shared(examples))
    summary = statistics_files.summary(statistics)
    statistics.set_string_custom_property(
        "summary", "; ".join(filter(None, [summary, parts.words]))
    )
