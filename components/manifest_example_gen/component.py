"""ManifestExampleGen: images that a table names as the beginning of a TFX pipeline."""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.types.standard_artifacts import Examples

from components.engine import Engine
from components.examples.entry_shards import check_features
from components.examples.ingest import ingest
from components.manifest_example_gen import contents
from components.manifest_example_gen.contents import Driver
from components.spans.store import NO_STORE, SpanStore
from components.typed_component import component
from settings.data import WEIGHT, Features
from settings.manifest_source import ManifestSource


def _check(source: ManifestSource, features: Features) -> None:
    check_features(features, [WEIGHT] if source.columns.weight else [])


@component(driver=Driver, check=_check)
def ManifestExampleGen(
    source: ManifestSource,
    features: Features,
    examples: OutputArtifact[Examples],
    span_store: SpanStore = NO_STORE,
    fingerprint: Parameter[str] = "",
    engine: Engine | None = None,
):
    """Reads the images of a manifest into Examples, byte for byte, with their classes or masks.

    An image is a file whose content begins as one and goes on to its end, whatever its name.
    Rows of other files are left out, counted by kind and named.

    Args:
      source: the manifest and its splits, as in `path="photos/labels.csv"`.
      features: the names of the features that get the image and its class or mask.
      examples: `Split-<role>/data_tfrecord-00000-of-0000n`, uncompressed TFRecords of
        tf.train.Example: the files' bytes, and the class, or any number of them, as text. The order
        follows from the content. Custom properties: `dataset` (the path), `fingerprint`, `counts`
        (JSON, role to number), `span` and, if there is one, `version` of the newest span, `spans`
        (JSON, of a window), `summary`. Beside the splits of a window, spans.json has which shards
        are of which span.
      span_store: where the shards of each span are kept, if the path is a pattern of spans.
      fingerprint: the driver's answer, where a driver runs: the cache key holds that one.

    Raises:
      Failure: the manifest or a file cannot be read, a cell is not what it must be, a split or
        class has no images, or a file changes meanwhile.
    """
    ingest(contents.read, source, features, examples, span_store, fingerprint, engine)
