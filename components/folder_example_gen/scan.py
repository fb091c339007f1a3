"""Looks at every file of a folder: which are images, by their content, and what the rest are."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from components.examples.picture_files import NEXT_STEP, Picture, shown
from components.examples.picture_scan import all_examined
from failures import Failure
from files.places import reading
from files.walking import visible, walk


class Scan(NamedTuple):
    """All files of a folder."""

    images: list[Picture]  # by path
    findings: dict[str, list[str]]  # kind of finding, as `findings.WORDS` knows it, to paths


def scan(folder: str) -> Scan:
    """Reads every file in a folder and below; hidden ones, with a dot in front, are only counted.

    Links are followed. The order of the file system does not show in the result.

    Args:
      folder: an absolute path.

    Raises:
      Failure: the folder or a file cannot be read.
    """
    _check(folder)
    files, findings = [], defaultdict(list)
    for path in sorted(_files(folder)):
        hidden = os.path.basename(path).startswith(".")
        (findings["hidden"] if hidden else files).append(path)
    images = []
    for path, image, kind in all_examined(folder, files):
        if image:
            images.append(image)
        if kind:
            findings[kind].append(path)
    return Scan(images, dict(findings))


def _check(folder: str) -> None:
    place = shown(folder)
    with reading(place, NEXT_STEP):
        try:
            mode = os.stat(folder).st_mode
        except FileNotFoundError:
            raise Failure(f"{place}: there is no such folder. Correct data.path.") from None
    if not stat.S_ISDIR(mode):
        raise Failure(f"{place} is a file. Name the folder that holds the images in data.path.")


def _files(folder: str) -> Iterator[str]:
    """The paths of files, and of hidden folders, relative to the folder."""
    for place, folders, files in walk(folder, _report):
        above = place[len(folder) :].lstrip("/")
        hidden = set(folders).difference(visible(folders))
        folders[:] = visible(folders)
        yield from (os.path.join(above, name) for name in (*files, *hidden))


def _report(error: OSError) -> None:
    with reading(shown(error.filename), NEXT_STEP):
        raise error
