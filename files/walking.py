"""Walks through folders, where links may lead round in circles."""

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator

_Entries = tuple[str, list[str], list[str]]
_ANY_FOLDERS = re.compile(r"(?:^|(?<=/))\*\*(?:/+(?=[^/])|$)")


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


def matching(pattern: str, folder: str = "") -> Iterator[str]:
    """The names that match a glob, relative to a folder if one is given; some may come twice.

    As `glob.glob` has it: `**` stands for any folders, only what has a dot in front matches hidden
    files and folders, and folders that cannot be read are passed over. But no link leads `**` to a
    folder that it is in: `glob` goes round as often as the system lets it, and in two circles for
    ever. Names of files are all there; those of folders that `**` at the end would match are not.
    """
    deep = _ANY_FOLDERS.search(pattern)
    if deep is None:
        yield from glob.iglob(pattern, root_dir=folder or None)
        return
    above, rest = pattern[: deep.start()], pattern[deep.end() :]
    for start in glob.iglob(above, root_dir=folder or None) if above else [""]:
        top = os.path.join(folder, start) or os.curdir
        for place, folders, files in walk(top, on_error=_pass_over):
            folders[:] = visible(folders)
            inside = os.path.join(start, place[len(top) :].lstrip("/"))
            names = matching(rest, place) if rest else visible(files)
            yield from (os.path.join(inside, name) for name in names)


def visible(names: Iterable[str]) -> list[str]:
    """Those without a dot in front."""
    return [name for name in names if not name.startswith(".")]


def _pass_over(error: OSError) -> None:
    pass


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link that leads to itself, or where nobody may look: its reader says so.
        return False
