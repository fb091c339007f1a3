"""Removes old versions, and never one that somebody may still need."""

import itertools
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from components.model_store.bucket_publish import STALE_SECONDS, remove_leftovers
from components.model_store.locking import locked
from components.model_store.model_files import remove_model
from components.model_store.pins import pinned
from components.model_store.versions import Version, list_versions
from failures import Failure
from files import writing
from files.buckets.addresses import is_bucket

# A server that polls every second and loads for half a minute has left a version by then.
GRACE_SECONDS = 60.0
_PREFIX = ".pruned-"


def prune(destination: str, keep: int, grace_seconds: float = GRACE_SECONDS) -> list[Version]:
    """Removes all but the newest versions, each in one step.

    It also keeps the version in service, the one before it (the champion), those that rollbacks
    replaced one after the other up to it (what an undo needs, and what a run that makes such a
    model again must find, to not push it as new), pinned versions, versions that this project
    did not push, and those that were in service less than `grace_seconds` ago.

    Args:
      keep: how many of the newest versions stay, at least 1.
      grace_seconds: a server may still be loading what was in service until then.

    Returns:
      The versions that were removed, oldest first.

    Raises:
      Failure: `keep` is below 1, `grace_seconds` below 0, or the destination cannot be written.
    """
    if keep < 1:
        raise Failure(f"prune cannot keep {keep} versions: one is in service. Keep 1 or more.")
    if not grace_seconds >= 0:
        raise Failure(f"a grace period of {grace_seconds:g} seconds is too short. Give 0 or more.")
    try:
        with locked(destination):
            versions = list_versions(destination)
            spared = _spared(destination, versions, keep, time.time() - grace_seconds)
            unneeded = [version for version in versions if version.number not in spared]
            for version in unneeded:
                remove_model(version.path) if is_bucket(destination) else _set_aside(version)
        # Also what a killed prune had set aside, or a killed push left.
        if is_bucket(destination):
            remove_leftovers(destination, time.time() - STALE_SECONDS)
        else:
            for folder in Path(destination).glob(f"{_PREFIX}*"):
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise Failure(
            f"The push destination {destination} cannot be pruned: {error.strerror or error}. "
            "Change its permissions and prune again."
        ) from error
    return unneeded


def _spared(destination: str, versions: Sequence[Version], keep: int, since: float) -> set[int]:
    spared = {version.number for version in versions[-max(keep, 2) :]}
    spared |= pinned(destination)
    spared |= {version.number for version in versions if version.record is None}
    for version, successor in itertools.pairwise(versions):
        if _began_to_serve(successor) > since:
            spared.add(version.number)
    return spared | _rolled_back(versions)


def _rolled_back(versions: Sequence[Version]) -> set[int]:
    records = {version.number: version.record for version in versions}
    replaced: set[int] = set()
    record = versions[-1].record if versions else None
    while record and record.replaced in records.keys() - replaced:
        replaced.add(record.replaced)
        record = records[record.replaced]
    return replaced


def _began_to_serve(version: Version) -> float:
    """Seconds since the epoch. A folder's change time is when it was renamed."""
    if not is_bucket(version.path):
        return os.stat(version.path).st_ctime
    if version.record is None:
        return 0.0
    try:
        return datetime.fromisoformat(version.record.pushed_at).timestamp()
    except ValueError:
        return 0.0


def _set_aside(version: Version) -> None:
    folder = Path(version.path)
    writing.publish(folder, folder.with_name(f"{_PREFIX}{version.number}-{uuid.uuid4().hex}"))
