"""Rollback: an earlier version becomes the highest again, since the highest is served."""

from dataclasses import replace
from datetime import UTC, datetime

from components.model_store.pins import existing
from components.model_store.publish import add
from components.model_store.versions import PushRecord, Version, list_versions, newest
from failures import Failure
from files import writing
from files.places import is_missing


def roll_back(destination: str, number: int | None = None) -> Version:
    """Puts an earlier version into service under the next number.

    Nothing is removed, so a rollback can be undone by another one: without a number, a second
    rollback brings back what the first replaced. The record says where the model came from.

    Args:
      number: the version to serve; None: the one that served before.

    Returns:
      The new version.

    Raises:
      Failure: there is no such version, it is in service already, or the
        destination cannot be written.
    """
    if number is None:
        number = _before(destination)
    source = existing(destination, number)
    if newest(destination).number == number:
        raise Failure(f"Version {number} of {destination} is in service already. Name another.")
    record = replace(
        source.record or PushRecord(source.fingerprint, "", ""),
        pushed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        restored_from=number,
    )
    with writing.reported(
        f"The push destination {destination}",
        "Free space or change its permissions, and roll back again.",
    ):
        try:
            # Asked late: another process may have pushed while this one copied.
            return add(
                source.path,
                destination,
                lambda: replace(record, replaced=newest(destination).number),
            )
        except Exception as error:
            if not is_missing(error):
                raise
            raise Failure(
                f"Version {number} was removed from {destination} while it was copied. "
                "Name another: `models list` shows them."
            ) from None


def _before(destination: str) -> int:
    versions = list_versions(destination)
    if len(versions) < 2:
        raise Failure(f"{destination} holds no earlier version. Push another model first.")
    record = versions[-1].record
    if record and record.replaced in {version.number for version in versions}:
        return record.replaced
    return versions[-2].number
