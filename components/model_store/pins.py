"""Pins: versions to keep, as one empty file each beside the versions."""

import os

from components.model_store.layout import is_version_name
from components.model_store.locking import locked
from components.model_store.versions import Version, list_versions
from failures import Failure
from files import places, writing

_PINS = ".steadyfeed-pins"  # Not a number, so servers ignore it.


def pinned(destination: str) -> set[int]:
    """The pinned numbers, of versions that exist or not."""
    pins = places.files_in(os.path.join(destination, _PINS))
    names = [os.path.basename(pin) for pin in pins]
    return {int(name) for name in names if is_version_name(name)}


def pin(destination: str, number: int) -> None:
    """Keeps a version from being pruned.

    Raises:
      Failure: there is no such version.
    """
    with locked(destination):
        existing(destination, number)
        writing.write(_pin_file(destination, number), "")


def unpin(destination: str, number: int) -> None:
    """Removes a pin; a version without one is left as it is.

    Raises:
      Failure: there is no such version.
    """
    with locked(destination):
        existing(destination, number)
        writing.remove(_pin_file(destination, number))


def existing(destination: str, number: int) -> Version:
    """The version of this number.

    Raises:
      Failure: it does not exist; the message names those that do.
    """
    versions = {version.number: version for version in list_versions(destination)}
    if number not in versions:
        there = ", ".join(map(str, versions))
        way_on = f"It holds: {there}. Name one of them." if there else "Run the pipeline first."
        raise Failure(f"The push destination {destination} holds no version {number}. {way_on}")
    return versions[number]


def _pin_file(destination: str, number: int) -> str:
    return os.path.join(destination, _PINS, str(number))
