"""A protocol buffer for each split of an artifact, laid out as TFX does: `Split-<name>/<file>`."""

from pathlib import Path
from typing import TypeVar

from google.protobuf import message

from failures import Failure
from files import places, writing

Message = TypeVar("Message", bound=message.Message)


def write(artifact, split: str, file_name: str, content: message.Message) -> None:
    """Writes the message of one split of a TFX artifact."""
    from tfx.types import artifact_utils

    folder = artifact_utils.get_split_uri([artifact], split)
    writing.write(f"{folder}/{file_name}", content.SerializeToString(deterministic=True))


def read(artifact, file_name: str, kind: type[Message]) -> dict[str, Message]:
    """The message of every split of the artifact, by split name.

    Raises:
      Failure: a file is missing or damaged.
    """
    from tfx.types import artifact_utils

    return {
        split: _read(f"{artifact_utils.get_split_uri([artifact], split)}/{file_name}", kind)
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def read_folder(folder: Path, file_name: str, kind: type[Message]) -> dict[str, Message]:
    """The messages below a local folder by split, without TFX; a damaged file is left out."""
    found = {}
    for file in sorted(folder.glob(f"Split-*/{file_name}")):
        try:
            content = kind.FromString(file.read_bytes())
        except (OSError, message.DecodeError):
            continue  # A page about the run can do without it.
        found[file.parent.name.removeprefix("Split-")] = content
    return found


def _read(path: str, kind: type[Message]) -> Message:
    next_step = "Delete the artifact and run again."
    try:
        return kind.FromString(places.read(path, next_step))
    except message.DecodeError as error:
        raise Failure(f"{path} cannot be read as {kind.DESCRIPTOR.name}. {next_step}") from error
