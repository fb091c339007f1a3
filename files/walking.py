"""Walks through folders, where links may lead round in circles."""

import os
from collections.abc import Callable, Iterator

_Entries = tuple[str, list[str], list[str]]


def _refuse(error: OSError) -> None:
    raise error


def walk(folder: str, on_error: Callable[[OSError], None] = _refuse) -> Iterator[_Entries]:
    """A folder and those below it, each as (its path, names of folders, names of all else).

    As `os.walk` has it, but it follows links, and none to a folder that it is in: that would lead
    round in circles. Names are in order. The caller may remove folders, which are not entered then.

    Args:
      on_error: is called with the error of a folder that cannot be read, whose `filename` it is.
    """
    waiting = [(folder, (os.path.realpath(folder),))]
    while waiting:
        place, above = waiting.pop()
        is_link, others = {}, []
        try:
            for entry in os.scandir(place):
                if _is_folder(entry):
                    is_link[entry.name] = entry.is_symlink()
                else:
                    others.append(entry.name)
        except OSError as error:
            on_error(error)
            continue
        folders = sorted(is_link)
        others.sort()
        yield place, folders, others
        for name in reversed(folders):
            path = os.path.join(place, name)
            real = os.path.realpath(path) if is_link[name] else os.path.join(above[-1], name)
            if real not in above:
                waiting.append((path, (*above, real)))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link that leads to itself, or where nobody may look: its reader says so.
        return False
