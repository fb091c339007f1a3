"""The versions of a push destination, and the records of what made them."""

import dataclasses
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from components.model_store.layout import (
    HIGHEST_NUMBER,
    RECORD,
    names,
    numbers,
    of_each,
    version_path,
)
from components.model_store.model_files import model_fingerprint
from files import places
from files.strict_json import text_of

_NEXT_STEP = "Make it readable, then run again."


# JSON has null where a metric is not a number.
Number = Annotated[float, BeforeValidator(lambda given: math.nan if given is None else given)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class PushRecord:
    """What made a version; stored beside its model as steadyfeed.json."""

    fingerprint: str  # of the model's content
    model_uri: str  # of the Model artifact
    pushed_at: str  # ISO 8601, UTC
    metrics: Mapping[str, Number] = field(default_factory=dict)  # on the test split
    run: str = ""  # id of the pipeline run that pushed it
    restored_from: int | None = None  # by a rollback, from this version
    replaced: int | None = None  # the version in service when it was rolled back
    exports: tuple[str, ...] = ()  # files in other formats, as exports/int8.tflite
    # What the model was made from, where its artifact records it: git_commit, configuration …
    origin: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return text_of(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"


@dataclasses.dataclass(frozen=True)
class Version:
    """One whole model in a push destination."""

    number: int
    path: str
    record: PushRecord | None  # None for a model that someone else put there

    @property
    def fingerprint(self) -> str:
        return self.record.fingerprint if self.record else model_fingerprint(self.path)

    def has(self, exports: Iterable[str]) -> bool:
        """Whether these files in other formats are beside the model."""
        return self.record is not None and set(exports) <= set(self.record.exports)


def list_versions(destination: str) -> list[Version]:
    """The whole models of a destination in rising order of their numbers; see `layout.numbers`.

    Raises:
      Failure: the destination is a file.
    """
    found = numbers(destination)
    paths = [version_path(destination, number) for number in found]
    return list(map(Version, found, paths, of_each(paths, read_record)))


def newest(destination: str) -> Version | None:
    """The version that TensorFlow Serving would serve."""
    versions = list_versions(destination)
    return versions[-1] if versions else None


def find(destination: str, fingerprint: str, exports: Iterable[str] = ()) -> Version | None:
    """The oldest version that was pushed with this content and these exports, if there is one.

    Where none has these exports, the oldest with this content, unless that is in service: a new
    format must not put a model into service that a rollback has taken out of it.
    """
    versions = list_versions(destination)
    same = [one for one in versions if one.record and one.record.fingerprint == fingerprint]
    complete = [one for one in same if one.has(exports)]
    in_service = bool(same) and same[-1] is versions[-1]
    return next(iter(complete if complete or in_service else same), None)


def champion_of(destination: str, challenger: str) -> Version | None:
    """The version that a challenger is compared with.

    That is the newest one or, for a challenger that is in the destination already, the one
    before it: a run gets the same answer before and after its push.
    """
    earlier = []
    for version in list_versions(destination):
        if version.record and version.record.fingerprint == challenger:
            break
        earlier.append(version)
    return earlier[-1] if earlier else None


def next_number(destination: str) -> int:
    """One more than the highest number in use, by whole, half-made or foreign entries."""
    used = [int(name) for name in names(destination) if name.isascii() and name.isdigit()]
    return max((number for number in used if number <= HIGHEST_NUMBER), default=0) + 1


def fingerprint_at(path: str) -> str:
    """The fingerprint of a version's model, without reading all of it where a record has it."""
    return Version(0, path, read_record(path)).fingerprint


def read_record(path: str) -> PushRecord | None:
    """The record beside a version's model; None where this project has put none there."""
    text = _read_if_there(os.path.join(path, RECORD))
    try:
        return None if text is None else TypeAdapter(PushRecord).validate_json(text)
    except ValidationError:
        return None  # Someone else's file of the same name.


def _read_if_there(file: str) -> bytes | None:
    with places.reading(file, _NEXT_STEP):
        try:
            with places.opened(file) as opened:
                return opened.read()
        except Exception as error:
            if not places.is_missing(error):
                raise
            return None
