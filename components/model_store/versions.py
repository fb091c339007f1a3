"""What lies in a push destination: `<destination>/<version>/`, as TensorFlow Serving reads it.

TensorFlow Serving takes every folder whose name is a whole number for a version,
serves the highest, and passes over all other names.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from tfx.dsl.io import fileio

from components.model_store.copying import is_saved_model
from components.model_store.fingerprint import model_fingerprint
from components.model_store.names import HIGHEST_NUMBER, RECORD, is_version_name
from failures import Failure


@dataclass(frozen=True)
class PushRecord:
    """What made a version; stored beside its model as steadyfeed.json."""

    fingerprint: str  # of the model's content
    model_uri: str  # of the Model artifact
    pushed_at: str  # ISO 8601, UTC
    metrics: Mapping[str, float] = field(default_factory=dict)  # on the test split
    run: str = ""  # id of the pipeline run that pushed it
    restored_from: int | None = None  # by a rollback, from this version
    replaced: int | None = None  # the version in service when it was rolled back
    # What the model was made from, where its artifact says so: git_commit, configuration …
    origin: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Version:
    """One whole model in a push destination."""

    number: int
    path: str
    record: PushRecord | None  # None for a model that someone else put there

    @property
    def fingerprint(self) -> str:
        return self.record.fingerprint if self.record else model_fingerprint(self.path)


def list_versions(destination: str) -> list[Version]:
    """The whole models of a destination in rising order of their numbers.

    Half-made versions (no saved_model.pb), foreign names, and a destination that
    does not exist are no error; they are passed over.

    Raises:
      Failure: the destination is a file.
    """
    numbers = [int(name) for name in _names(destination) if is_version_name(name)]
    paths = {number: version_path(destination, number) for number in sorted(numbers)}
    return [
        Version(number, path, _read_record(path))
        for number, path in paths.items()
        if is_saved_model(path)
    ]


def newest(destination: str) -> Version | None:
    """The version that TensorFlow Serving would serve."""
    versions = list_versions(destination)
    return versions[-1] if versions else None


def find(destination: str, fingerprint: str) -> Version | None:
    """The oldest version that was pushed with this content, if there is one."""
    for version in list_versions(destination):
        if version.record and version.record.fingerprint == fingerprint:
            return version
    return None


def champion_of(destination: str, challenger: str) -> Version | None:
    """The version against which a challenger has to show itself.

    That is the newest one, or, for a challenger that lies in the destination
    already, the one before it: a run gets the same answer before and after its push.

    Args:
      destination: the push destination.
      challenger: the challenger's fingerprint.
    """
    earlier = []
    for version in list_versions(destination):
        if version.record and version.record.fingerprint == challenger:
            break
        earlier.append(version)
    return earlier[-1] if earlier else None


def version_path(destination: str, number: int) -> str:
    """The folder of a version, whether it exists or not."""
    return os.path.join(destination.rstrip("/"), str(number))


def next_number(destination: str) -> int:
    """One more than the highest number in use, by whole, half-made or foreign entries."""
    used = [int(name) for name in _names(destination) if name.isascii() and name.isdigit()]
    return max((number for number in used if number <= HIGHEST_NUMBER), default=0) + 1


def _names(destination: str) -> list[str]:
    if not fileio.exists(destination):
        return []
    if not fileio.isdir(destination):
        raise Failure(f"The push destination {destination} is no folder. Name another.")
    # Object stores list a folder with a slash at its end.
    return [str(name).rstrip("/") for name in fileio.listdir(destination)]


def _read_record(path: str) -> PushRecord | None:
    file = os.path.join(path, RECORD)
    if not fileio.exists(file):
        return None
    with fileio.open(file, "r") as text:
        try:
            record = PushRecord(**json.loads(text.read()))
        except (ValueError, TypeError):
            return None  # Someone else's file of the same name.
    return record if _has_its_types(record) else None


def _has_its_types(record: PushRecord) -> bool:
    texts = (record.fingerprint, record.model_uri, record.pushed_at, record.run)
    numbers = (record.restored_from, record.replaced)
    return (
        all(isinstance(text, str) for text in texts)
        and all(number is None or isinstance(number, int) for number in numbers)
        and isinstance(record.origin, dict)
        and isinstance(record.metrics, dict)
        and all(isinstance(value, (int, float)) for value in record.metrics.values())
    )
