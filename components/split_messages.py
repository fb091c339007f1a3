"""A protocol buffer for each split of an artifact, laid out as TFX does: `Split-<name>/<file>`."""

from typing import TypeVar

import tensorflow as tf
from google.protobuf import message
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from failures import Failure

Message = TypeVar("Message", bound=message.Message)


def write(artifact: types.Artifact, split: str, file_name: str, content: message.Message) -> None:
    """Writes the message of one split."""
    folder = artifact_utils.get_split_uri([artifact], split)
    fileio.makedirs(folder)
    with fileio.open(f"{folder}/{file_name}", "wb") as file:
        file.write(content.SerializeToString(deterministic=True))


def read(artifact: types.Artifact, file_name: str, kind: type[Message]) -> dict[str, Message]:
    """The message of every split of the artifact, by split name.

    Raises:
      Failure: a file is missing or damaged.
    """
    return {
        split: _read(f"{artifact_utils.get_split_uri([artifact], split)}/{file_name}", kind)
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def _read(path: str, kind: type[Message]) -> Message:
    try:
        with fileio.open(path, "rb") as file:
            return kind.FromString(file.read())
    except (OSError, tf.errors.OpError, message.DecodeError) as error:
        raise Failure(
            f"{path} cannot be read as {kind.DESCRIPTOR.name} ({type(error).__name__}). "
            "Delete the artifact and run again."
        ) from error
