"""A protocol buffer for each split of an artifact, laid out as TFX does: `Split-<name>/<file>`."""

from pathlib import Path
from typing import Generic, TypeVar

from google.protobuf import message

from failures import Failure
from files import places, writing

Message = TypeVar("Message", bound=message.Message)
_ORDER = ("train", "validation", "test")
_NEXT_STEP = "Delete the artifact and run again."


class SplitMessages(Generic[Message]):
    """The messages of one kind, in files of one name."""

    def __init__(self, file_name: str, kind: type[Message]):
        self._file_name, self._kind = file_name, kind

    def write(self, artifact, split: str, content: Message) -> None:
        """Writes the message of one split of a TFX artifact."""
        writing.write(self._path(artifact, split), content.SerializeToString(deterministic=True))

    def read(self, artifact) -> dict[str, Message]:
        """The message of every split of the artifact, by split name.

        Raises:
          Failure: a file is missing or damaged.
        """
        from tfx.types import artifact_utils

        found = {}
        for split in artifact_utils.decode_split_names(artifact.split_names):
            path = self._path(artifact, split)
            try:
                found[split] = self._kind.FromString(places.read(path, _NEXT_STEP))
            except message.DecodeError as error:
                kind = self._kind.DESCRIPTOR.name
                raise Failure(f"{path} cannot be read as {kind}. {_NEXT_STEP}") from error
        return found

    def read_folder(self, folder: Path) -> dict[str, Message]:
        """The messages below a local folder by split, train first, read without TFX.

        A damaged file is left out: a page about the run can do without it.
        """
        found = {}
        for file in folder.glob(f"Split-*/{self._file_name}"):
            try:
                content = self._kind.FromString(file.read_bytes())
            except (OSError, message.DecodeError):
                continue
            found[file.parent.name.removeprefix("Split-")] = content
        return {split: found[split] for split in sorted(found, key=_place)}

    def _path(self, artifact, split: str) -> str:
        from tfx.types import artifact_utils

        return f"{artifact_utils.get_split_uri([artifact], split)}/{self._file_name}"


def split_folder(examples, split: str, component: str) -> str:
    """The folder of a split of an Examples artifact.

    Raises:
      Failure: there is no such split; the message begins with the component's name.
    """
    from tfx.types import artifact_utils

    try:
        return artifact_utils.get_split_uri([examples], split)
    except ValueError as error:
        raise Failure(
            f"{component}: the examples have no split {split!r}. "
            "Name one in the configuration's splits."
        ) from error


def _place(split: str) -> tuple[int, str]:
    return (_ORDER.index(split) if split in _ORDER else len(_ORDER), split)
