"""TfdsExampleGen: any TFDS dataset as the beginning of a TFX pipeline."""

from collections import Counter

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples

from components.engine import Engine
from components.examples.counted import check_written
from components.examples.describing import describe
from components.tfds_example_gen import splits, workers
from components.tfds_example_gen.dataset import check_pictures, class_names, feature_names
from components.tfds_example_gen.driver import Driver, select
from components.tfds_example_gen.exclusion import exclusion
from components.typed_component import component
from failures import Failure
from settings.data import Features
from settings.sources import TfdsSource


@component(driver=Driver)
def TfdsExampleGen(
    source: TfdsSource,
    features: Features,
    examples: OutputArtifact[Examples],
    span: Parameter[int] = 0,
    fingerprint: Parameter[str] = "",
    engine: Engine | None = None,
):
    """Reads a TFDS dataset into Examples, each record as TFDS stores it.

    Images stay encoded, byte for byte. Every record's checksum is verified, and
    nothing runs again while the dataset's files and the splits are what they were.

    Args:
      source: the dataset and its splits, as in
        `dataset="digits", splits={"train": "train", "test": "test"}`.
      features: which of them are images and masks, whose kind is checked.
      examples: `Split-<role>/data_tfrecord-00000-of-0000n`, uncompressed TFRecords of
        tf.train.Example; nested features have TFDS's flat names (`objects/box`). Custom
        properties: `dataset` (full name), `fingerprint`, `counts` (JSON, role to number) and
        `summary`. class_names.json has each label feature's names in the order of their ids.
      span: number of the data's span, in units of the user's own.
      fingerprint: the driver's answer, where a driver runs: the cache key holds that one.

    Raises:
      Failure: the dataset or a split cannot be found, prepared or read.
    """
    found = select(source)
    builder, roles = found.builder, found.roles
    check_pictures(builder, features.pictures)
    examples.split_names = artifact_utils.encode_split_names(list(roles))
    left_out_by = exclusion(
        builder.info.full_name,
        features.label_feature,
        class_names(builder).get(features.label_feature, []),
        source.exclude_labels,
        feature_names(builder),
    )
    work = {
        role: splits.plan(
            pieces,
            split_uri=artifact_utils.get_split_uri([examples], role),
            file_format=builder.info.file_format.value,
            exclusion=left_out_by,
        )
        for role, pieces in roles.items()
    }
    every_shard = [shard for plan in work.values() for shard in plan]
    each = iter(workers.write_all(every_shard, examples.uri, engine))
    copied = {role: sum((next(each) for _ in plan), Counter()) for role, plan in work.items()}
    counts = {role: found.pop(None, 0) for role, found in copied.items()}
    expressions = source.splits.by_role()
    expected = {
        role: builder.info.splits[expressions[role]].num_examples - left_out.total()
        for role, left_out in copied.items()
    }
    check_written(counts, expected, builder.info.full_name)
    if empty := [role for role, count in counts.items() if not count]:
        raise Failure(f"exclude_labels leaves no example in split {empty[0]}. Name fewer labels.")
    labels = sum(copied.values(), Counter())
    said = [f"left out: {', '.join(f'{n} {labels[n]:,}' for n in source.exclude_labels)}"]
    describe(
        examples,
        dataset=builder.info.full_name,
        fingerprint=fingerprint or found.fingerprint(source),
        counts=counts,
        span=span,
        class_names=class_names(builder),
        remarks=said * bool(source.exclude_labels),
    )
