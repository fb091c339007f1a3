"""Converts between Kubeflow's records of artifacts (JSON) and TFX's artifacts.

The backend keeps an artifact's metadata as text, numbers and structs: integers and booleans
come back as floats, and lists and dictionaries come back wrapped.
"""

import importlib

import yaml
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2
from tfx.types import artifact as tfx_artifact

from failures import Failure
from files.strict_json import text_of
from kfp.launcher_paths import local_path

# The backend adds these to every artifact, for its own use.
_BACKEND_KEYS = ("display_name", "store_session_info")
_PREFIX = tfx_artifact.CUSTOM_PROPERTIES_PREFIX
_OF_TFX = ("tfx.types.standard_artifacts", "tfx.types.experimental.simple_artifacts")
_PROPERTY = metadata_store_pb2.PropertyType
# Linux accepts 128 KiB in an argument, where the quotes of texts within JSON count twice.
MOST_BYTES = 100_000
# Of the window's spans, which three inputs of one step may tell of: for `tflite_int8`, ServingCheck
# is given the examples as they were and as they are transformed, and the model.
_MOST_BYTES_OF_SPANS = 25_000
_NUMBERS = {_PROPERTY.INT: int, _PROPERTY.DOUBLE: float}


def artifact_class(schema):
    """The TFX class of an artifact type in a package.

    Args:
      schema: {"instanceSchema": YAML text with a title} or {"schemaTitle": title}; the title is
        `tfx.Examples` or another of TFX's own, or `module.Class`.

    Raises:
      ValueError: the class does not exist.
    """
    declared = yaml.safe_load(schema.get("instanceSchema") or "") or {}
    title = schema.get("schemaTitle") or declared.get("title", "")
    module, _, name = title.rpartition(".")
    modules = _OF_TFX if module == "tfx" else filter(None, [module])
    for place in map(importlib.import_module, modules):
        found = getattr(place, name, None)
        if isinstance(found, type) and issubclass(found, tfx_artifact.Artifact):
            return found
    raise ValueError(f"the artifact type {title or 'without a title'} does not exist")


def to_artifact(record, schema):
    """A TFX artifact, its uri a local path, from Kubeflow's record of one.

    Args:
      record: a RuntimeArtifact as JSON. Its type is ignored: the backend leaves an input's
        blank.
      schema: the type as the component declares it.
    """
    result = artifact_class(schema)()
    result.uri = local_path(record["uri"])
    name = record.get("name", "")
    if name.isdecimal():
        result.id = int(name)
    types = result.artifact_type.properties
    for key, value in record.get("metadata", {}).items():
        if key in _BACKEND_KEYS or value is None:
            continue
        value, kind = _unwrap(value), types.get(key)
        if kind in _NUMBERS and isinstance(value, (int, float)):
            setattr(result, key, _NUMBERS[kind](value))
        elif kind == _PROPERTY.STRUCT or (kind == _PROPERTY.STRING and isinstance(value, str)):
            setattr(result, key, value)
        else:
            custom = key.removeprefix(_PREFIX)
            custom = custom if custom in types else key
            if isinstance(value, str):
                result.set_string_custom_property(custom, value)
            else:
                # A number in JSON is read by get_int_ and by get_float_custom_property.
                result.set_json_value_custom_property(custom, value)
    result.set_mlmd_artifact(result.mlmd_artifact)  # TFX writes JSON down only when asked.
    return result


def to_record(artifact):
    """Kubeflow's record of an output: {"metadata": {…}}.

    The uri is left out, because a local path would be recorded and never uploaded. Properties
    without a value are left out, because a null fails the step when it is published.

    Raises:
      Failure: no step could be given the record as an input.
    """
    message = artifact.mlmd_artifact
    types = artifact.artifact_type.properties
    metadata = {key: _plain(value) for key, value in message.properties.items()}
    for key, value in message.custom_properties.items():
        metadata[_PREFIX + key if key in types else key] = _plain(value)
    metadata = {key: value for key, value in metadata.items() if value is not None}
    _check_size(metadata, artifact.type_name)
    return {"metadata": metadata}


def _check_size(metadata, type_name):
    size = len(text_of(metadata).encode())
    if size <= _MOST_BYTES_OF_SPANS:
        return
    # Not at the top: a step imports only what its code's fingerprint covers.
    from components.spans.reading import PROPERTY

    spans = len(text_of(metadata.get(PROPERTY, "")).encode())
    if spans > _MOST_BYTES_OF_SPANS:
        raise Failure(
            f"the property {PROPERTY} of {type_name} takes {spans:,} bytes, and up to three "
            "artifacts with it travel in one argument of a step; allowed: "
            f"{_MOST_BYTES_OF_SPANS:,}. Use a shorter window of spans, or one with fewer gaps and "
            "versions."
        )
    if size > MOST_BYTES:
        key = max(metadata, key=lambda key: len(text_of(metadata[key])))
        raise Failure(
            f"the property {key} of {type_name} makes its record {size:,} bytes, and the "
            f"records of a step's inputs travel in one argument; allowed: {MOST_BYTES:,}. Shorten "
            "what it says."
        )


def _unwrap(value):
    if isinstance(value, dict) and len(value) == 1:
        [(key, inner)] = value.items()
        if (key, type(inner)) in (("list", list), ("struct", dict)):
            return inner
    return value


def _plain(value):
    kind = value.WhichOneof("value")
    if kind == "struct_value":
        plain = json_format.MessageToDict(value.struct_value)
        return plain["__value__"] if set(plain) == {"__value__"} else plain
    if kind in ("int_value", "double_value", "string_value", "bool_value"):
        return getattr(value, kind)
    return None
