"""TfrecordsExampleGen: TFRecord files of Examples as the beginning of a TFX pipeline."""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.types.standard_artifacts import Examples

from components.engine import Engine
from components.examples.entry_shards import check_features
from components.examples.ingest import ingest
from components.spans.store import NO_STORE, SpanStore
from components.tfrecords_example_gen import contents
from components.tfrecords_example_gen.contents import Driver
from components.typed_component import component
from settings.data import Features
from settings.tfrecords_source import TfrecordsSource


@component(driver=Driver, check=check_features)
def TfrecordsExampleGen(
    source: TfrecordsSource,
    features: Features,
    examples: OutputArtifact[Examples],
    span_store: SpanStore = NO_STORE,
    fingerprint: Parameter[str] = "",
    engine: Engine | None = None,
):
    """Reads TFRecord files of tf.train.Examples, each record as it is.

    Every checksum is verified, and every record has the features that are read, in one form.

    Args:
      source: the folder, its files and its splits, as in `path="records"`.
      features: the names of the features that hold the image and its class or mask.
      examples: `Split-<role>/data_tfrecord-00000-of-0000n`, uncompressed TFRecords of the records
        themselves, with all of their features. Custom properties: `dataset` (the path),
        `fingerprint`, `counts` (JSON, role to number), `span` and, if there is one, `version` of
        the newest span, `spans` (JSON, of a window), `summary`. Beside the splits,
        class_names.json has the names of the label's ids, where they have names, and of a window
        spans.json which shards are of which span.
      span_store: where the shards of each span are kept, if the path is a pattern of spans.
      fingerprint: the driver's answer, where a driver runs: the cache key holds that one.

    Raises:
      Failure: a file cannot be read, is damaged or lacks a feature; a split or class has no
        examples; or a file changes meanwhile.
    """
    ingest(contents.read, source, features, examples, span_store, fingerprint, engine)
