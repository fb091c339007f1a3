"""FolderExampleGen: a folder of images as the beginning of a TFX pipeline."""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.types.standard_artifacts import Examples

from components.engine import Engine
from components.examples.entry_shards import check_features
from components.examples.ingest import ingest
from components.folder_example_gen import contents
from components.folder_example_gen.contents import Driver
from components.spans.store import NO_STORE, SpanStore
from components.typed_component import component
from settings.data import Features
from settings.sources import FolderSource


@component(driver=Driver, check=check_features)
def FolderExampleGen(
    source: FolderSource,
    features: Features,
    examples: OutputArtifact[Examples],
    span_store: SpanStore = NO_STORE,
    fingerprint: Parameter[str] = "",
    engine: Engine | None = None,
):
    """Reads images in folders of their classes, or with masks, into Examples, byte for byte.

    An image is a file whose content begins as one and goes on to its end, whatever its name.
    All other files are left out, counted by kind and named.

    Args:
      source: the folder and its splits, as in `path="photos"`.
      features: the names of the features that get the image and its class or mask.
      examples: `Split-<role>/data_tfrecord-00000-of-0000n`, uncompressed TFRecords of
        tf.train.Example: the files' bytes, or the name of the class's folder. The order
        follows from the content. Custom properties: `dataset` (the path), `fingerprint`,
        `counts` (JSON, role to number),
        `span` and, if there is one, `version` of the newest span, `spans` (JSON, of a window),
        `summary`. Beside the splits of a window, spans.json has which shards are of which span.
      span_store: where the shards of each span are kept, if the path is a pattern of spans.
      fingerprint: the driver's answer, where a driver runs: the cache key holds that one.

    Raises:
      Failure: the folder cannot be read, does not have the images of a classification, or
        changes meanwhile.
    """
    ingest(contents.read, source, features, examples, span_store, fingerprint, engine)
