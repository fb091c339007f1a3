"""BigqueryExampleGen: rows of BigQuery as the beginning of a TFX pipeline."""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.types.standard_artifacts import Examples

from components.bigquery_example_gen import contents, version
from components.bigquery_example_gen.version import Driver
from components.examples.entry_shards import check_features
from components.examples.ingest import write_place
from components.typed_component import component
from settings.bigquery_source import BigquerySource
from settings.data import WEIGHT, Features


def _check(source: BigquerySource, features: Features) -> None:
    check_features(features, [WEIGHT] if source.columns.weight else [])


@component(driver=Driver, check=_check)
def BigqueryExampleGen(
    source: BigquerySource,
    features: Features,
    examples: OutputArtifact[Examples],
    version_read: Parameter[str] = "",
):
    """Reads the images of a table, or of a query's result, into Examples with classes or masks.

    The table is read as it was at one time, by the Storage Read API; a stream that is cut goes on
    at its next row. Rows without a whole image are left out, counted by kind and named.

    Args:
      source: what to read, as in `table="my-project.pets.photos"`.
      features: the names of the features that get the image and its class or mask.
      examples: `Split-<role>/data_tfrecord-00000-of-0000n`, uncompressed TFRecords of
        tf.train.Example: the images' bytes, and the class as text. The order follows from the
        content, not from the streams. Custom properties: `dataset` (the table, or the start of
        the query), `snapshot` (the time as of which it was read), `fingerprint`, `counts` (JSON,
        role to number), `span` 0, `summary`.
      version_read: the driver's answer, where a driver runs: the cache key holds that one.

    Raises:
      Failure: access is denied or there are no credentials; there is no such table or column, or
        a column is of another type; a cell is not what it must be; a split or class has no
        images; BigQuery throttles or drops for longer than `retry_seconds`; or the disk is full.
    """
    table = version.seen(version_read, source, features)
    with contents.rows_of(table, source, features, examples.uri) as found:
        found.check(features)
        write_place(found, features, examples, dataset=table.name, snapshot=table.snapshot)
