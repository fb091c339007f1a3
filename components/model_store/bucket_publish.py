"""Puts a model into a push destination in a bucket, where no folder can be renamed.

TensorFlow Serving takes a folder for a version as soon as one object is in it, fails to load one
without saved_model.pb while the version before goes on serving, and tries again every minute, six
times in all. So the long part, the upload, goes to a folder that servers ignore, and the version's
folder is filled from there within the store, in seconds:

1. `.pushing-<time>-<id>/…` is uploaded, each object checked against its checksum.
2. `<version>/steadyfeed.json` is written only if it is new, which gives this push its number.
3. The other files are copied to `<version>/`, saved_model.pb last.

Whoever finds the newest version half made, with a record of the same model, goes on with it.
"""

import contextlib
import datetime
import os
import uuid
from collections.abc import Callable

from components.model_store.layout import (
    RECORD,
    free_number,
    is_saved_model,
    is_version_name,
    names,
    version_path,
)
from components.model_store.model_files import copy_beside, copy_model, model_files, remove_model
from components.model_store.versions import PushRecord, Version, next_number, read_record
from files import writing
from files.buckets import objects

_PREFIX, _TIME = ".pushing-", "%Y%m%dT%H%M%S"
STALE_SECONDS = 86_400.0  # No push takes a day.


def add_to_bucket(
    model: str,
    destination: str,
    decide: Callable[[], PushRecord | Version],
    beside: str | None = None,
) -> Version:
    """As `publish.add`, with a version's number given by the store's conditional write."""
    decided = decide()
    if isinstance(decided, Version):
        return decided
    now = datetime.datetime.now(datetime.UTC)
    staged = os.path.join(destination, f"{_PREFIX}{now:{_TIME}}-{uuid.uuid4().hex}")
    try:
        # Not the record of the version that a rollback copies.
        writing.copy_files(model, staged, [path for path in model_files(model) if path != RECORD])
        copy_beside(beside, staged)
        claimed = _claimed(destination, decide)
        if isinstance(claimed, Version):
            return claimed
        number, record = claimed
        target = version_path(destination, number)
        copy_model(staged, target)
        return Version(number, target, record)
    finally:
        with contextlib.suppress(OSError):  # The first error is the one to report.
            writing.remove(staged)


def remove_leftovers(destination: str, since: float) -> None:
    """Removes what pushes that were killed have left behind, if they began before `since`.

    Args:
      since: seconds since the epoch.
    """
    found = names(destination)
    newest = max((int(name) for name in found if is_version_name(name)), default=0)
    for name in found:
        path = os.path.join(destination, name)
        if name.startswith(_PREFIX):
            began = _seconds(name.removeprefix(_PREFIX).partition("-")[0], _TIME)
        elif is_version_name(name) and int(name) < newest and not is_saved_model(path):
            record = read_record(path)
            began = _seconds(record.pushed_at) if record else None
        else:
            continue
        if began is not None and began < since:
            remove_model(path)


def _claimed(
    destination: str, decide: Callable[[], PushRecord | Version]
) -> Version | tuple[int, PushRecord]:
    """The number that this push gets and the record that is there, or what `decide` found."""
    while True:
        decided = decide()  # Another process may have pushed meanwhile.
        if isinstance(decided, Version):
            return decided
        begun = _half_made(destination, decided)
        if begun:
            return begun
        number = free_number(destination, next_number(destination))
        place = os.path.join(version_path(destination, number), RECORD)
        if objects.write(place, decided.to_json().encode(), only_new=True):
            return number, decided


def _half_made(destination: str, record: PushRecord) -> tuple[int, PushRecord] | None:
    """The newest version, if a push of the same model has begun it and did not end."""
    number = next_number(destination) - 1
    path = version_path(destination, number)
    found = read_record(path) if number else None
    if found is None or is_saved_model(path):
        return None

    def identity(record: PushRecord):
        return record.fingerprint, record.restored_from, record.exports

    return (number, found) if identity(found) == identity(record) else None


def _seconds(text: str, form: str | None = None) -> float | None:
    try:
        if form is None:
            return datetime.datetime.fromisoformat(text).timestamp()
        return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        return None
