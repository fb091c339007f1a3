"""Lists, reads and writes the objects of buckets; a dropped connection is taken up again.

The libraries are imported with the first address of their kind. Everything raises BucketError,
an OSError whose words are for the user.
"""

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, TypeVar

from files.buckets.addresses import Address, address_of
from files.buckets.errors import BucketError, Exists, Missing
from files.buckets.stored import Page, Stored

_PAGE = 1000  # objects of a listing at a time
_TRIES, _LONGEST_WAIT = 8, 4.0  # seconds: twelve in all
_READ_BYTES = 8 << 20
_FROM_THE_ENVIRONMENT = ("AWS_", "FSSPEC_", "GOOGLE_", "STORAGE_EMULATOR_HOST")
_stores: dict[Any, Any] = {}
_making = threading.Lock()
T = TypeVar("T")


def listing(folder) -> Iterator[Stored]:
    """All objects below an address, in the order of their keys, a page of them in memory.

    Raises:
      BucketError.
    """
    for page in _pages(address_of(folder)):
        yield from page.objects


def children(folder) -> list[str]:
    """The names of the objects and folders in a folder; a folder's ends in a slash."""
    address = address_of(folder)
    found = []
    for page in _pages(address, delimiter="/"):
        found += [one.key for one in page.objects if one.key != address.prefix]
        found += page.folders
    return [name[len(address.prefix) :] for name in found]


def head(path) -> Stored | None:
    """The object of this address, if there is one."""
    address = address_of(path)
    if not address.key:
        return None
    try:
        return _asked(address, lambda store: store.head(address.bucket, address.key))
    except Missing:
        return None


def is_folder(path) -> bool:
    """Whether an object lies below the address."""
    page = next(_pages(address_of(path), most=1))
    return bool(page.objects)


def read(path, start: int, end: int) -> bytes:
    """The bytes of an object from `start` to before `end`."""
    address = address_of(path)
    if start >= end:
        return b""
    return _asked(address, lambda store: store.read(address.bucket, address.key, start, end))


def write(path, data: bytes, only_new: bool = False) -> bool:
    """Writes an object in one step; the store checks the content against its checksum.

    Args:
      only_new: leaves an object that is there as it is, however many write at once.

    Returns:
      Whether the object has this content.
    """
    address = address_of(path)
    try:
        with _of_a_bucket(address):
            _asked(address, lambda store: store.put(address.bucket, address.key, data, only_new))
    except Exists:
        # An answer that was lost on its way had an earlier try write it.
        return read(path, 0, len(data) + 1) == data
    return True


def upload(source: str, path) -> None:
    """Writes a local file as an object, large ones in parts, and checks what arrived."""
    address = address_of(path)

    def put(store):
        store.put_file(address.bucket, address.key, source)
        if not store.matches(address.bucket, store.head(address.bucket, address.key), source):
            raise ConnectionError("what arrived has another checksum")

    with _of_a_bucket(address):
        _asked(address, put)


def download(stored: Stored, folder, partial: str) -> None:
    """Goes on writing a local file until it is the whole object, and waits for the disk.

    Args:
      folder: the address whose bucket has the object.
      partial: the file's path; what an earlier call left there is not asked for again.

    Raises:
      BucketError: also where the object is another one now; then the file is removed.
    """
    address = address_of(folder)._replace(key=stored.key)
    with open(partial, "ab") as file:
        done = file.tell()
        while done < stored.size:
            end = min(done + _READ_BYTES, stored.size)
            file.write(_chunk(address, done, end))
            done = end
        file.flush()
        os.fsync(file.fileno())
    if done != stored.size or not is_copy(stored, folder, partial):
        os.remove(partial)
        raise BucketError(f"{address} changed while it was copied, or arrived damaged")


def fetch(path, local: str) -> None:
    """Writes an object to a local file, whole and checked."""
    stored = head(path)
    if stored is None:
        raise Missing(f"there is no object {path}")
    with open(local, "wb"):
        pass  # What was there before does not belong to it.
    download(stored, path, local)


def is_copy(stored: Stored, folder, path: str) -> bool:
    """Whether a local file has the object's content, by the store's checksum."""
    address = address_of(folder)
    return _asked(address, lambda store: store.matches(address.bucket, stored, path))


def copy(source, target) -> None:
    """Copies an object within its store, without a way over this machine."""
    a, b = address_of(source), address_of(target)
    _asked(a, lambda store: store.copy(a.bucket, a.key, b.bucket, b.key))


def remove(path) -> None:
    """Removes an object, if there is one."""
    address = address_of(path)
    with contextlib.suppress(Missing):
        _asked(address, lambda store: store.remove(address.bucket, address.key))


def _chunk(address: Address, start: int, end: int) -> bytes:
    def read_all(store):
        data = store.read(address.bucket, address.key, start, end)
        if len(data) != end - start:
            raise ConnectionError(f"{len(data)} of {end - start} bytes arrived")
        return data

    return _asked(address, read_all)


def _pages(address: Address, delimiter: str = "", most: int | None = None) -> Iterator[Page]:
    after = None
    while after is None or after:
        with _of_a_bucket(address):
            page = _asked(
                address,
                lambda store, after=after or "": store.page(
                    address.bucket, address.prefix, delimiter, after, most or _PAGE
                ),
            )
        yield page
        after = page.after


@contextlib.contextmanager
def _of_a_bucket(address: Address) -> Iterator[None]:
    """What is missing in the block can only be the bucket."""
    try:
        yield
    except Missing as error:
        raise Missing(f"there is no bucket {address.bucket!r}") from error


def _asked(address: Address, ask: Callable[[Any], T]) -> T:
    """The store's answer; a connection that drops, or a store that is busy, is tried again."""
    protocol = _protocol(address.scheme)
    for number in range(1, _TRIES + 1):
        try:
            return ask(_store(address.scheme))
        except Exception as error:
            if number == _TRIES or not protocol.is_transient(error):
                explained = protocol.explained(error, address.bucket)
                if isinstance(explained, OSError):
                    explained.filename = str(address)
                raise explained from error
            time.sleep(min(0.05 * 2**number, _LONGEST_WAIT) * random.uniform(0.5, 1))
    raise AssertionError("the last try neither answers nor raises")


def _store(scheme: str) -> Any:
    # A child process must not share its parent's connections, and credentials may be renewed.
    environment = {k: v for k, v in os.environ.items() if k.startswith(_FROM_THE_ENVIRONMENT)}
    key = (os.getpid(), scheme, frozenset(environment.items()))
    with _making:
        if key not in _stores:
            _stores[key] = _protocol(scheme).Store()
        return _stores[key]


def _protocol(scheme: str) -> ModuleType:
    try:
        if scheme == "s3":
            from files.buckets import s3

            return s3
        from files.buckets import gcs

        return gcs
    except ModuleNotFoundError as error:  # The input function installs without them.
        name = "s3fs" if scheme == "s3" else "gcsfs"
        raise BucketError(
            f"{scheme}:// needs the package {name}, which is not installed (no {error.name})"
        ) from error
