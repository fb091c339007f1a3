"""Where versions are in a push destination: `<destination>/<version>/`, as a server reads it.

TensorFlow Serving takes every folder whose name is a whole number for a version, serves the
highest, and ignores all other names. This file needs neither TFX nor TensorFlow.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from components.in_parallel import in_threads
from failures import Failure
from files import places

HIGHEST_NUMBER = 2**63 - 1  # TensorFlow Serving keeps versions in an int64.
RECORD = "steadyfeed.json"  # beside each pushed model: what made it
WARM_UP = "assets.extra/tf_serving_warmup_requests"  # where TensorFlow Serving looks for them
EXPORTS = "exports"  # a folder of files in other formats
_NEXT_STEP = "Correct this or set another push destination, then run again."
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
_AT_ONCE = 16  # requests to a bucket, which takes tens of milliseconds for each
T = TypeVar("T")


def is_beside(path: str) -> bool:
    """Whether a file of a version, named relative to its folder, is not part of its SavedModel."""
    return path in (RECORD, WARM_UP) or path.startswith(f"{EXPORTS}/")


def exports(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the files of a version that are the model in other formats."""
    return tuple(sorted(path for path in paths if path.startswith(f"{EXPORTS}/")))


def is_version_name(name: str) -> bool:
    """Whether TensorFlow Serving takes a folder of this name for a version."""
    is_number = name.isascii() and name.isdigit()
    return is_number and str(int(name)) == name and int(name) <= HIGHEST_NUMBER


def is_saved_model(folder: str) -> bool:
    """Whether a server would recognise a SavedModel in `folder`."""
    return any(places.exists(os.path.join(folder, name)) for name in SAVED_MODEL_FILES)


def names(destination: str) -> list[str]:
    """The names of all that is in a push destination; none where it does not exist.

    Raises:
      Failure: the destination is a file, or a bucket that cannot be read.
    """
    with places.reading(f"The push destination {destination}", _NEXT_STEP):
        if places.exists(destination) and not places.is_folder(destination):
            raise Failure(f"The push destination {destination} is not a folder. Name another.")
        return [os.path.basename(path) for path in places.files_in(destination)]


def numbers(destination: str) -> list[int]:
    """The numbers of the whole models of a push destination, rising.

    Half-made versions (no saved_model.pb) and foreign names are skipped.

    Raises:
      Failure: the destination is a file.
    """
    versions = sorted(int(name) for name in names(destination) if is_version_name(name))
    paths = [version_path(destination, number) for number in versions]
    are_whole = of_each(paths, is_saved_model)
    return [number for number, is_whole in zip(versions, are_whole, strict=True) if is_whole]


def of_each(paths: Sequence[str], ask: Callable[[str], T]) -> list[T]:
    """What `ask` answers of each path of a destination; a bucket is asked of many at once."""
    if any(map(places.is_remote, paths)):
        return list(in_threads(ask, paths, _AT_ONCE))
    return [ask(path) for path in paths]  # Threads would take longer than a disk.


def free_number(destination: str, number: int) -> int:
    """The number, checked to be one that TensorFlow Serving accepts; raises Failure."""
    if number > HIGHEST_NUMBER:
        raise Failure(
            f"The push destination {destination} holds version {HIGHEST_NUMBER}, the highest that "
            "TensorFlow Serving accepts. Remove it or set another push destination."
        )
    return number


def version_path(destination: str, number: int) -> str:
    """The folder of a version, whether it exists or not."""
    return os.path.join(destination.rstrip("/"), str(number))


def newest_path(place: str) -> str:
    """The folder of the model that TensorFlow Serving would serve.

    Args:
      place: a push destination, or the folder of one SavedModel.

    Raises:
      Failure: there is no model.
    """
    if is_saved_model(place):
        return place
    found = numbers(place)
    if not found:
        raise Failure(f"{place} holds no model. Run the pipeline first, or name another folder.")
    return version_path(place, found[-1])


def served_instead(pushed: str) -> int | None:
    """The version in service instead of a pushed one.

    A model that was pushed before is found by its content and not pushed again, so that no
    run undoes a rollback: a run may end with a version that a later one has replaced.

    Args:
      pushed: the version's folder, `<destination>/<version>`.

    Returns:
      The highest number beside it; None where that is the version itself, or the destination
      cannot be read any more.
    """
    destination, number = os.path.split(pushed)
    try:
        found = {int(name) for name in names(destination) if is_version_name(name)}
        later = sorted((one for one in found if one > int(number)), reverse=True)
        return next((n for n in later if is_saved_model(version_path(destination, n))), None)
    except (Failure, OSError):
        return None
