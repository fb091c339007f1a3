"""Looks at every file of a folder: which are images, by their content, and what the rest are."""

import hashlib
import itertools
import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from components.engine import in_threads
from components.image_files import HEAD, is_whole, kind_named, kind_of
from failures import Failure
from files.places import opened, reading

NEXT_STEP = "Correct its permissions or remove it, then run again."
MOST_BYTES = 256 << 20  # of one image: several are held at once, and an Example has a limit
_BATCH = 64  # files that a thread looks at before it reports


class Image(NamedTuple):
    """An image file of the folder."""

    path: str  # relative to the folder, with slashes
    size: int  # bytes
    digest: bytes  # (32,) SHA-256 of the content


class Scan(NamedTuple):
    """All files of a folder."""

    images: list[Image]  # by path
    findings: dict[str, list[str]]  # kind of finding, as `findings.WORDS` knows it, to paths


def scan(folder: str) -> Scan:
    """Reads every file in a folder and below; hidden ones, with a dot in front, are skipped.

    Links are followed. The order of the file system does not show in the result.

    Args:
      folder: an absolute path.

    Raises:
      Failure: the folder or a file cannot be read.
    """
    _check(folder)
    files = iter(sorted(_files(folder, "", (os.path.realpath(folder),))))
    batches = iter(lambda: list(itertools.islice(files, _BATCH)), [])
    images, findings = [], defaultdict(list)
    for batch in in_threads(lambda paths: _examined(folder, paths), batches, os.cpu_count() or 1):
        for path, image, kind in batch:
            if image:
                images.append(image)
            if kind:
                findings[kind].append(path)
    return Scan(images, dict(findings))


def shown(path: str) -> str:
    """The path for a message: in one line, whatever bytes it is made of."""
    return "".join(character if character.isprintable() else "?" for character in path)


def _check(folder: str) -> None:
    place = shown(folder)
    with reading(place, NEXT_STEP):
        try:
            mode = os.stat(folder).st_mode
        except FileNotFoundError:
            raise Failure(f"{place}: there is no such folder. Correct data.path.") from None
    if not stat.S_ISDIR(mode):
        raise Failure(f"{place} is a file. Name the folder that holds the images in data.path.")


def _files(folder: str, above: str, seen: tuple[str, ...]) -> Iterator[str]:
    place = os.path.join(folder, above)
    with reading(shown(place.rstrip("/")), NEXT_STEP):
        entries = [(entry.name, entry.is_dir()) for entry in os.scandir(place)]
    for name, is_folder in entries:
        if name.startswith("."):
            continue
        if not is_folder:
            yield above + name
        # A link to a folder above would lead round in circles.
        elif (real := os.path.realpath(os.path.join(place, name))) not in seen:
            yield from _files(folder, f"{above}{name}/", (*seen, real))


def _examined(folder: str, paths: list[str]) -> list[tuple[str, Image | None, str]]:
    return [(path, *_image_or_finding(folder, path)) for path in paths]


def _image_or_finding(folder: str, path: str) -> tuple[Image | None, str]:
    """An Image, and what is to be said of the file, "" if nothing."""
    place = os.path.join(folder, path)
    with reading(shown(place), NEXT_STEP):
        found = os.stat(place)
        if not stat.S_ISREG(found.st_mode):
            return None, "foreign"  # Opening a pipe would wait for its writer.
        with opened(place) as file:
            head = file.read(HEAD)
            kind = kind_of(head)
            if not head:
                return None, "empty"
            if not kind:
                return None, "broken" if kind_named(path) else "foreign"
            if found.st_size > MOST_BYTES:
                return None, "huge"
            content = head + file.read()
    if not is_whole(content, kind):
        return None, "broken"
    image = Image(path, len(content), hashlib.sha256(content).digest())
    return image, "misnamed" if kind_named(path) not in ("", kind) else ""
