"""TfrecordsExampleGen: TFRecord files of Examples as the beginning of a TFX pipeline."""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples

from components.engine import MakePipeline
from components.examples.contents import last_read
from components.examples.describing import describe
from components.examples.entry_shards import check_features
from components.examples.shards import all_or_none, checked_count, write_all
from components.tfrecords_example_gen import contents, pieces
from components.tfrecords_example_gen.contents import Driver
from components.typed_component import component
from failures import Failure
from settings.data import Features
from settings.tfrecords_source import TfrecordsSource


def _check(source: TfrecordsSource, features: Features) -> None:
    check_features(features)


@component(driver=Driver, check=_check)
def TfrecordsExampleGen(
    source: TfrecordsSource,
    features: Features,
    examples: OutputArtifact[Examples],
    span: Parameter[int] = 0,
    fingerprint: Parameter[str] = "",
    make_pipeline: MakePipeline | None = None,
):
    """Reads TFRecord files of tf.train.Examples, each record as it is.

    Every checksum is verified, and every record has the features that are read, in one form.

    Args:
      source: the folder, its files and its splits, as in `path="records"`.
      features: the names of the features that hold the image and its class or mask.
      examples: `Split-<role>/data_tfrecord-00000-of-0000n`, uncompressed TFRecords of the records
        themselves, with all of their features. Custom properties: `dataset` (the path),
        `fingerprint`, `counts` (JSON, role to number), `class_names`, `summary`.
      span: number of the data's span, in units of the user's own.
      fingerprint: the driver's answer, where a driver runs: the cache key holds that one.

    Raises:
      Failure: a file cannot be read, is damaged or lacks a feature; a split or class has no
        examples; or a file changes meanwhile.
    """
    found = last_read(fingerprint, source, features) or contents.read(source, features)
    if fingerprint and fingerprint != found.fingerprint:
        raise Failure(f"{found.name} changed while it was read. Run again.")
    if not fingerprint:
        found.log()  # No driver has done so.
    examples.split_names = artifact_utils.encode_split_names(found.roles)
    uris = {role: artifact_utils.get_split_uri([examples], role) for role in found.roles}
    work = pieces.plan(found, uris)
    with all_or_none([path for piece in work for path in piece.targets.values()]):
        write_all(pieces.write, work, examples.uri, make_pipeline)
    counts = {
        role: checked_count(
            [
                (piece.targets[number], int((piece.role_of == number).sum()))
                for piece in work
                if number in piece.targets
            ],
            found.counts[role],
            found.name,
        )
        for number, role in enumerate(found.roles)
    }
    names = {features.label_feature: source.class_names} if source.class_names else {}
    describe(
        examples,
        dataset=source.path,
        fingerprint=found.fingerprint,
        counts=counts,
        span=span,
        class_names=names,
        shared=found.shared(),
    )
