"""A protocol buffer for each split of an artifact, laid out as TFX does: `Split-<name>/<file>`."""

from typing import TypeVar

from google.protobuf import message
from tfx import types
from tfx.types import artifact_utils

from failures import Failure
from files import places, writing

Message = TypeVar("Message", bound=message.Message)


def write(artifact: types.Artifact, split: str, file_name: str, content: message.Message) -> None:
    """Writes the message of one split."""
    folder = artifact_utils.get_split_uri([artifact], split)
    writing.write(f"{folder}/{file_name}", content.SerializeToString(deterministic=True))


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
    next_step = "Delete the artifact and run again."
    try:
        return kind.FromString(places.read(path, next_step))
    except message.DecodeError as error:
        raise Failure(f"{path} cannot be read as {kind.DESCRIPTOR.name}. {next_step}") from error
