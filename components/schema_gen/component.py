"""SchemaGen and ImportSchemaGen: the schema inferred on a first run, or a curated file."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.types.standard_artifacts import ExampleStatistics, Schema

from components.schema_gen import inference, schema_files
from components.statistics_gen import statistics_files
from components.typed_component import component
from settings.data import Features


@component
def SchemaGen(
    statistics: InputArtifact[ExampleStatistics],
    schema: OutputArtifact[Schema],
    features: Features,
):
    """Infers a schema from the statistics of the split `train`.

    Every example must hold the image and the label or mask, once. Classes of the other
    splits belong to the label's domain too: a first run accepts what it sees, and
    ValidationGate reports a class that train lacks. Other features keep their type
    and shape, without a list of allowed values.

    Args:
      schema: `schema.pbtxt`; `summary` says what it holds.

    Raises:
      Failure: train is missing or empty, or lacks one of these features.
    """
    inferred = inference.inferred_schema(statistics_files.read(statistics), features)
    _publish(inferred, schema, "inferred from train")


@component
def ImportSchemaGen(schema: OutputArtifact[Schema], schema_text: Parameter[str]):
    """Publishes a curated schema.

    The text and not the file is the execution property: an edit of the file runs the
    component again, and a container needs no copy of it.

    Args:
      schema: `schema.pbtxt`; `summary` says what it holds.
      schema_text: what `schema_files.curated_text` gives of a file.
    """
    _publish(text_format.Parse(schema_text, schema_pb2.Schema()), schema, "curated")


def _publish(content: schema_pb2.Schema, artifact, origin: str) -> None:
    schema_files.write(artifact.uri, content)
    artifact.set_string_custom_property("summary", f"{len(content.feature)} features, {origin}")
