"""A bucket behind the functions of tf.io.gfile that `files` asks other remote places with."""

import io
import os
from collections.abc import Iterator
from typing import NamedTuple

from files.buckets import objects
from files.buckets.addresses import address_of
from files.buckets.errors import Missing

_BUFFER_BYTES = 8 << 20


class Status(NamedTuple):
    length: int  # bytes


def GFile(path: str, mode: str):
    """An object to read; what is to be written goes through `objects.write` and `upload`."""
    if "r" not in mode:
        raise ValueError(f"{path}: an object is written in one piece")
    file = io.BufferedReader(_Object(path, stat(path).length), _BUFFER_BYTES)
    return file if "b" in mode else io.TextIOWrapper(file, encoding="utf-8")


def exists(path: str) -> bool:
    return objects.head(path) is not None or objects.is_folder(path)


def isdir(path: str) -> bool:
    return objects.is_folder(path)


def stat(path: str) -> Status:
    stored = objects.head(path)
    if stored is None:
        raise Missing(f"there is no object {path}")
    return Status(stored.size)


def listdir(path: str) -> list[str]:
    return objects.children(path)


def walk(path: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """All objects below an address at once, with paths for names: stores have no folders."""
    above = len(address_of(path).prefix)
    keys = [one.key[above:] for one in objects.listing(path)]
    yield path, [], [key for key in keys if not key.endswith("/")]


def makedirs(path: str) -> None:
    """Stores make folders by themselves."""


def remove(path: str) -> None:
    objects.remove(path)


def rmtree(path: str) -> None:
    address = address_of(path)
    for stored in list(objects.listing(path)):
        objects.remove(address._replace(key=stored.key))


class _Object(io.RawIOBase):
    def __init__(self, path: str, size: int):
        self._path, self._size, self._at = path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readall(self) -> bytes:
        # Python's own asks for a few KB at a time.
        blocks = []
        while (left := self._size - self._at) > 0:
            blocks.append(self.read(min(left, _BUFFER_BYTES)))
            if not blocks[-1]:
                break
        return b"".join(blocks)

    def readinto(self, buffer) -> int:
        data = objects.read(self._path, self._at, min(self._at + len(buffer), self._size))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
