"""Looks at one file of a source: whether it is an image, by its content, and what else it is."""

import errno
import hashlib
import os
import stat
from typing import NamedTuple

from components.image_files import HEAD, is_whole, kind_named, kind_of, other_kind
from files.places import opened, reading

NEXT_STEP = "Correct its permissions or remove it, then run again."
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # or behind a link
MOST_BYTES = 256 << 20  # of one image: several are held at once, and an Example has a limit


class Picture(NamedTuple):
    """A file that holds an image or a mask."""

    path: str  # relative to the source's folder, with slashes
    size: int  # bytes
    digest: bytes  # (32,) SHA-256 of the content


def examined(folder: str, path: str) -> tuple[Picture | None, str]:
    """Reads a file below a folder.

    Returns:
      The Picture, if it is a whole one, and what to report about the file, as `findings.WORDS`
      knows it; "" if nothing.

    Raises:
      Failure: the file cannot be read.
    """
    place = os.path.join(folder, path)
    with reading(shown(place), NEXT_STEP):
        try:
            found = os.stat(place)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            return None, "missing"
        if not stat.S_ISREG(found.st_mode):
            return None, "foreign"  # Opening a pipe would wait for its writer.
        with opened(place) as file:
            head = file.read(HEAD)
            kind = kind_of(head)
            if not head:
                return None, "empty"
            if not kind:
                return None, _why_not(head, path)
            if found.st_size > MOST_BYTES:
                return None, "huge"
            content = head + file.read()
    if not is_whole(content, kind):
        return None, "broken"
    picture = Picture(path, len(content), hashlib.sha256(content).digest())
    return picture, "misnamed" if kind_named(path) not in ("", kind) else ""


def _why_not(head: bytes, path: str) -> str:
    if other_kind(head):
        return "unsupported"
    return "broken" if kind_named(path) else "foreign"


def shown(path: str) -> str:
    """The path for a message: in one line, whatever bytes it is made of."""
    if path.isprintable():  # At once: it is called for every file that is read.
        return path
    return "".join(character if character.isprintable() else "?" for character in path)
