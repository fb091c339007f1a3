"""A local copy of what lies below an address of a bucket, which a second run only completes.

<cache>/<bucket>-<hash of the address>/
  files/          the objects, under their keys
  partial/        objects that are still arriving; another run goes on with them
  index.sqlite    which object each file is a copy of
  lock            exclusive while copying, shared while the copy is read
<the same>.unfinished/    a copy that is being removed
"""

import contextlib
import hashlib
import itertools
import logging
import os
import re
import shutil
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from failures import Failure
from files import locks, places, writing
from files.buckets import objects
from files.buckets.addresses import Address, address_of
from files.buckets.errors import BucketError
from files.buckets.index import Index, has_size
from files.buckets.stored import Stored

_DIGITS = 16  # of a hash, hexadecimal
_LEFT = re.compile(rf".+-[0-9a-f]{{{_DIGITS}}}{re.escape(places.UNFINISHED)}")
_THREADS = 16
_BATCH = 256  # files that are put on the disk and into the index together
GB = 10**9
_PATIENCE_SECONDS, _TRY_SECONDS = 3600.0, 0.2
_open: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # {(process, place): copy}
_making = threading.Lock()
_progress = logging.getLogger("steadyfeed.progress")


@dataclass(frozen=True)
class Cache:
    """Where copies lie.

    Attributes:
      folder: of all copies; made if missing.
      most_bytes: of all copies together; None for no limit.
    """

    folder: str
    most_bytes: float | None = None


class LocalCopy:
    """What lies at an address, on this machine; no process changes it while this is open.

    Attributes:
      path: of the folder with the objects below the address, or of the file of a single one.
      version: stands for their keys and contents, wherever the copy is and however often made.
    """

    def __init__(self, path: str, version: str, lock: BinaryIO):
        self.path, self.version = path, version
        self._lock = lock  # It ends with the object, if not before.

    @property
    def is_open(self) -> bool:
        return not self._lock.closed

    def close(self) -> None:
        self._lock.close()

    def tags(self, files: Sequence[str]) -> list[str | None]:
        """The store's checksum of each of these files of a folder: the same in every copy.

        None of a file that is no copy of an object, as one that was made beside them.
        """
        with Index(Path(self.path).parent / "index.sqlite") as index:
            return index.tags([os.path.relpath(file, self.path) for file in files])

    def __reduce__(self):
        return type(None), ()  # Another process does not hold the lock.


def mirror(path: str, cache: Cache, part: str = "") -> LocalCopy:
    """Makes a copy of what lies at an address now.

    Objects that are there already are not copied again; those that are gone are removed. It
    waits while other runs read the same copy, and removes none that others read. A copy that is
    open in this process is what it gives again.

    Args:
      part: only what lies below this path in the folder is copied, to the same path in the copy.

    Raises:
      Failure: the bucket cannot be read, is larger than the limit, or has keys that are not
        paths; or the cache cannot be written. Ends with what to do about it.
    """
    address = address_of(path)
    place = _place(address.below(part) if part else address, cache)
    with _making:
        copy = _open_here(place)
        if copy is None:
            copy = _open[os.getpid(), place] = _made(address, part, place, cache)
        return copy


def _open_here(place: Path) -> LocalCopy | None:
    copy = _open.get((os.getpid(), place))
    return copy if copy is not None and copy.is_open else None


def _made(address: Address, part: str, place: Path, cache: Cache) -> LocalCopy:
    next_step = "Free space there, or name another folder in data.cache_dir."
    with writing.reported(place, next_step), contextlib.ExitStack() as stack:
        lock = stack.enter_context(_alone(place))
        is_file, version = _bring_up_to_date(address, part, place, cache)
        locks.share(lock)
        stack.pop_all()  # The copy holds the lock from here on.
    name = os.path.basename(address.key) if is_file else ""
    return LocalCopy(os.path.join(place / "files", name).rstrip("/"), version, lock)


def _alone(place: Path) -> BinaryIO:
    """Waits until no process reads the copy; not forever, as two could wait for each other."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            os.makedirs(place / "partial", exist_ok=True)
            return locks.hold(place / "lock", wait=False)
        except (locks.InUse, FileNotFoundError):  # Another process reads or removes it.
            if time.monotonic() > until:
                raise
            time.sleep(_TRY_SECONDS)


def _bring_up_to_date(address: Address, part: str, place: Path, cache: Cache) -> tuple[bool, str]:
    """Returns whether there is a single object of that key, and the version of the content."""
    with Index(place / "index.sqlite") as index:
        with places.reading(address, "Correct this and run again."):
            above = _list(address, part, index)
        _make_room(address, index.bytes_listed(), place, cache)
        for key in index.vanished():
            _remove_file(place / "files", key)
        index.forget_vanished()
        _copy_missing(above, index, place)
        version = index.version()
    writing.remove(place / "partial")
    os.utime(place / "lock")  # by which the oldest copy is found
    return above != address, version


def _list(address: Address, part: str, index: Index) -> Address:
    """Notes every object, a page of them in memory; returns what the paths are relative to."""
    index.begin()
    listed = address.below(part) if part else address
    found = objects.listing(listed)
    while batch := list(itertools.islice(found, _BATCH)):
        index.note([_relative(one, address) for one in batch if not one.key.endswith("/")])
    if index.has_objects():
        return address
    single = objects.head(listed)
    if single is None:
        raise Failure(f"{listed}: there is nothing at or below this address. Correct it.")
    above = address._replace(key=os.path.dirname(address.key))
    index.note([_relative(single, above)])
    return above


def _relative(stored: Stored, address: Address) -> Stored:
    """The object with the path that its file gets."""
    path = stored.key[len(address.prefix) :]
    if not path or "\0" in path or {"", ".", ".."} & set(path.split("/")):
        raise Failure(
            f"{address}: the key {stored.key!r} is not the path of a file. Rename or remove the "
            "object."
        )
    return stored._replace(key=path)


def _copy_missing(address: Address, index: Index, place: Path) -> None:
    total, done, last = index.missing(place / "files"), 0, ""
    if total:
        _progress.info("copying %d objects of %s", total, address)
    with ThreadPoolExecutor(_THREADS) as pool:
        while batch := index.next_missing(_BATCH, last):
            try:
                copied = list(pool.map(lambda one: _copied(address, one, place), batch))
            except BaseException:
                pool.shutdown(cancel_futures=True)  # The others would fail as slowly.
                raise
            for folder in set(map(os.path.dirname, copied)):
                writing.sync_folder(folder)
            index.have(batch)
            done, last = done + len(batch), batch[-1].key
            _progress.info("object %d of %d", done, total, extra={"completed": done / total})


def _copied(address: Address, stored: Stored, place: Path) -> str:
    """Copies one object; its file has its name once it is whole, checked and on the disk."""
    target = str(place / "files" / stored.key)
    name = hashlib.sha256(f"{stored.key}\0{stored.tag}\0{stored.size}".encode()).hexdigest()[:32]
    partial = str(place / "partial" / name)
    whole = stored._replace(key=address.prefix + stored.key)
    try:
        # A killed run may have finished a file that the index does not know yet.
        if has_size(target, stored.size) and objects.is_copy(whole, address, target):
            return target
        objects.download(whole, address, partial)
    except BucketError:  # Any other OSError is the disk's, for `_made` to report.
        with places.reading(address.below(stored.key), "Run again; it goes on where it stopped."):
            raise
    with writing.reported(target, "Free space, or rename the object, then run again."):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(partial, target)
    return target


def _make_room(address: Address, needed: int, place: Path, cache: Cache) -> None:
    """Removes the copies that were used longest ago, until this one fits beside the others."""
    if cache.most_bytes is None:
        return
    if needed > cache.most_bytes:
        raise Failure(
            f"{address} has {needed / GB:.3g} GB, and data.cache_gb allows "
            f"{cache.most_bytes / GB:.3g}. Raise it, or name a smaller part of the bucket."
        )
    used, sizes = _others(place)
    for one in sorted(used, key=used.get):
        if needed + sum(sizes.values()) <= cache.most_bytes:
            return
        with contextlib.suppress(locks.InUse):  # One that another run reads stays, and counts.
            _remove(one)
            del sizes[one]
    if needed + sum(sizes.values()) > cache.most_bytes:
        raise Failure(_no_room(address, needed, sizes, cache.most_bytes))


def _no_room(address: Address, needed: int, sizes: dict[Path, int], most_bytes: float) -> str:
    own = sum(size for place, size in sizes.items() if _open_here(place))
    others, beside = sum(sizes.values()) - own, []
    if own:
        beside.append(f"this run's other copies have {own / GB:.3g} GB")
    if others:
        beside.append(f"other runs read copies of {others / GB:.3g} GB")
    way_on = "run again when the other runs have ended"
    if needed + own > most_bytes:
        way_on = "read less at once, as with a shorter data.window"
    return (
        f"{address} has {needed / GB:.3g} GB, and {' and '.join(beside)}; data.cache_gb allows "
        f"{most_bytes / GB:.3g}. Raise it, or {way_on}."
    )


def _others(place: Path) -> tuple[dict[Path, float], dict[Path, int]]:
    """When each of the other copies was last used, and the bytes that it has."""
    used, sizes = {}, {}
    for one in place.parent.iterdir():
        if _LEFT.fullmatch(one.name):
            # A kill has stopped its removal, unless another run is at it.
            with contextlib.suppress(locks.InUse, OSError), locks.hold(one / "lock", wait=False):
                shutil.rmtree(one, ignore_errors=True)
        elif one != place and _is_copy(one):
            try:
                used[one], sizes[one] = os.stat(one / "lock").st_mtime, _bytes_in(one)
            except OSError:
                if one.exists():  # and another run does not remove it
                    raise
    return used, sizes


def _remove(copy: Path) -> None:
    """Removes a copy, if another run has not done so; raises InUse where one reads it."""
    with contextlib.suppress(FileNotFoundError), locks.hold(copy / "lock", wait=False):
        # A run that wants it could take for whole what has only begun to go.
        writing.remove_at_once(str(copy), f"{copy}{places.UNFINISHED}")


def _is_copy(folder: Path) -> bool:
    return (folder / "lock").is_file() and (folder / "index.sqlite").is_file()


def _bytes_in(folder: Path) -> int:
    with Index(folder / "index.sqlite") as index:
        return index.bytes_copied()


def _remove_file(folder: Path, key: str) -> None:
    """Removes a file, and the folders above it that it leaves empty."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.remove(folder / key)
    for above in (folder / key).parents:
        if above == folder:
            return
        try:
            above.rmdir()
        except OSError:
            return


def _place(address: Address, cache: Cache) -> Path:
    digest = hashlib.sha256(str(address).encode()).hexdigest()[:_DIGITS]
    folder = Path(os.path.abspath(os.path.expanduser(cache.folder)))
    return folder / f"{address.bucket}-{digest}"
