"""Tells whether files changed since they were read, without reading them."""

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from components.in_parallel import in_threads
from files.places import is_remote
from files.walking import visible, walk

# A file that changes twice within a tick of its file system's clock keeps its time. FAT counts
# in steps of two seconds.
_TICK_NS = 2_000_000_000
# A network disk answers each look after a millisecond; a thread for each file would cost more than
# a look at a local one.
_AT_ONCE, _BATCH = 32, 16


class Marks(NamedTuple):
    """What the file system records of some files."""

    digest: str  # of their paths, sizes, times and numbers
    newest: int  # nanoseconds since 1970: when the last of them changed


def marks(place: str) -> Marks | None:
    """Looks at all files in a place.

    The time of change is among the marks, which a local file system sets on every write and
    no program can set back. The files of a folder that is renamed keep theirs.

    Args:
      place: a file, or a folder with all below it; hidden files are skipped, as when it is read.

    Returns:
      None where the place is not local.
    """
    return None if is_remote(place) else _marks(_below(place))


def marks_of(paths: Iterable[str]) -> Marks:
    """Looks at these files, as at those in a place."""
    return _marks(sorted(set(paths)))


def still_hold(now: Marks | None, then: Marks | None, read_ns: int) -> bool:
    """Whether what was read at a time, in nanoseconds since 1970, is still what is there."""
    return now is not None and now == then and now.newest < read_ns - _TICK_NS


def _marks(paths: Iterable[str]) -> Marks:
    digest, newest, waiting = hashlib.sha256(), 0, iter(paths)
    batches = iter(lambda: list(itertools.islice(waiting, _BATCH)), [])
    found = in_threads(_with_statuses, batches, _AT_ONCE)
    for path, status in itertools.chain.from_iterable(found):
        seen = None
        if status is not None:
            seen = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
        digest.update(repr((os.fsencode(path), seen)).encode())
    return Marks(digest.hexdigest(), newest)


def _below(place: str) -> Iterator[str]:
    """A file; or those below a folder, and folders that cannot be read: their reader says so."""
    if not os.path.isdir(place):
        yield place
        return
    unreadable = []
    for above, folders, files in walk(place, lambda error: unreadable.append(error.filename)):
        folders[:] = visible(folders)
        yield from (os.path.join(above, name) for name in visible(files))
    yield from unreadable


def _with_statuses(paths: list[str]) -> list[tuple[str, os.stat_result | None]]:
    return [(path, _status(path)) for path in paths]


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None
