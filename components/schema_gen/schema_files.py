"""Schemas as text: the artifact's file, and the curated file that a user keeps."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from failures import Failure
from files import places, writing
from settings.data import Features

FILE_NAME = "schema.pbtxt"


def write(uri: str, schema: schema_pb2.Schema) -> None:
    """Writes `schema.pbtxt` into a Schema artifact's folder, as TFX does."""
    writing.write(f"{uri}/{FILE_NAME}", to_text(schema))


def read(uri: str) -> schema_pb2.Schema:
    """The schema of a Schema artifact.

    Raises:
      Failure: the file is missing, or is not a schema.
    """
    return _parse(f"{uri}/{FILE_NAME}", "Delete the artifact and run again.")


def curated_text(path: str, features: Features) -> str:
    """The text of a schema that a user keeps in a file.

    Raises:
      Failure: the file is missing, is not a schema, or lacks images or masks as BYTES or
        the label; names the line where there is one.
    """
    schema = _parse(
        path, "Run once without a schema file, and copy the one that SchemaGen infers there."
    )
    types = {feature.name: feature.type for feature in schema.feature}
    for name in filter(None, (*features.pictures, features.label)):
        if name not in types:
            raise Failure(
                f"The schema {path} has no feature {name!r}, only "
                f"{', '.join(types) or 'none'}. Add it, or correct the feature names."
            )
    for name in features.pictures:
        if types[name] != schema_pb2.BYTES:
            kind = schema_pb2.FeatureType.Name(types[name])
            raise Failure(
                f"The schema {path} gives the image feature {name!r} the type {kind}. "
                "Set type: BYTES."
            )
    return to_text(schema)


def to_text(schema: schema_pb2.Schema) -> str:
    """The schema as protobuf text, in UTF-8 and without escapes for other alphabets."""
    return text_format.MessageToString(schema, as_utf8=True)


def _parse(path: str, next_step: str) -> schema_pb2.Schema:
    try:
        text = places.read(path, next_step).decode()
    except UnicodeDecodeError as error:
        raise Failure(f"The schema {path} is not text. {next_step}") from error
    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        # It begins with line and column, "3:1 : ".
        reason = " ".join(str(error).split()).replace(" : ", ": ", 1).rstrip(".")
        raise Failure(
            f"{path}:{reason}. Correct the file: it must be a tensorflow_metadata schema as text."
        ) from error
