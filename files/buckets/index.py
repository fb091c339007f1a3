"""Which object of a bucket each file of a copy has; a table on the disk, for any number of them."""

import contextlib
import errno
import hashlib
import itertools
import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from files.buckets.stored import Stored

_TABLE = """
CREATE TABLE IF NOT EXISTS objects (
  key TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  tag TEXT NOT NULL,
  is_here INTEGER NOT NULL,
  is_listed INTEGER NOT NULL
) WITHOUT ROWID
"""
_NOTE = """
INSERT INTO objects VALUES (?, ?, ?, 0, 1) ON CONFLICT (key) DO UPDATE SET
  is_here = is_here AND size = excluded.size AND tag = excluded.tag,
  size = excluded.size, tag = excluded.tag, is_listed = 1
"""
_PAGE = 10_000
# The cache may be on a network disk, which answers each look at a file after a millisecond.
_AT_ONCE, _BATCH = 32, 16
# Another run may be measuring this copy, or beginning to list many million objects.
_PATIENCE_SECONDS = 60.0


class Index:
    """The table of a copy; each change is on the disk when its call returns.

    A file that is not a table, as a full disk can leave one, is replaced: all is copied again.

    Raises:
      OSError: it cannot be opened or, at the end of the block, could not be read or changed.
    """

    def __init__(self, path: Path):
        try:
            self._table = _opened(path)
        except sqlite3.Error as error:
            raise _as_of_file(error) from error

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self._table.close()
        if isinstance(error, sqlite3.Error):
            raise _as_of_file(error) from error

    def begin(self) -> None:
        """A listing begins: what it does not name has vanished."""
        self._change("UPDATE objects SET is_listed = 0")

    def note(self, listed: Sequence[Stored]) -> None:
        with self._table:
            self._table.executemany(_NOTE, listed)

    def has_objects(self) -> bool:
        return bool(self._number("SELECT COUNT(*) FROM objects WHERE is_listed"))

    def bytes_listed(self) -> int:
        return self._number("SELECT SUM(size) FROM objects WHERE is_listed")

    def bytes_copied(self) -> int:
        return self._number("SELECT SUM(size) FROM objects WHERE is_here")

    def version(self) -> str:
        """Another one wherever an object comes, goes or changes: 32 hexadecimal digits."""
        digest = hashlib.sha256()
        for row in self._table.execute("SELECT key, size, tag FROM objects ORDER BY key"):
            digest.update(f"{row}\n".encode())
        return digest.hexdigest()[:32]

    def tags(self, keys: Sequence[str]) -> list[str | None]:
        """The stores' checksums of objects; None for what is no object that it knows."""
        asked = "SELECT tag FROM objects WHERE key = ?"
        rows = (self._table.execute(asked, (key,)).fetchone() for key in keys)
        return [row and row[0] for row in rows]

    def vanished(self) -> Iterator[str]:
        for [key] in self._table.execute("SELECT key FROM objects WHERE NOT is_listed"):
            yield key

    def forget_vanished(self) -> None:
        self._change("DELETE FROM objects WHERE NOT is_listed")

    def missing(self, folder: Path) -> int:
        """How many objects have no file of their size in the folder."""

        def gone_of(rows):
            return [(key,) for key, size in rows if not has_size(folder / key, size)]

        last = ""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while rows := self._table.execute(
                "SELECT key, size FROM objects WHERE is_here AND key > ? ORDER BY key LIMIT ?",
                (last, _PAGE),
            ).fetchall():
                batches = (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
                gone = list(itertools.chain.from_iterable(pool.map(gone_of, batches)))
                with self._table:
                    self._table.executemany("UPDATE objects SET is_here = 0 WHERE key = ?", gone)
                last = rows[-1][0]
        return self._number("SELECT COUNT(*) FROM objects WHERE NOT is_here")

    def next_missing(self, most: int, after: str) -> list[Stored]:
        """The first objects without a file whose keys come after this one, by key."""
        rows = self._table.execute(
            "SELECT key, size, tag FROM objects WHERE NOT is_here AND key > ? ORDER BY key LIMIT ?",
            (after, most),
        )
        return [Stored(*row) for row in rows]

    def have(self, copied: Sequence[Stored]) -> None:
        keys = [(one.key,) for one in copied]
        with self._table:
            self._table.executemany("UPDATE objects SET is_here = 1 WHERE key = ?", keys)

    def _change(self, statement: str) -> None:
        with self._table:
            self._table.execute(statement)

    def _number(self, statement: str) -> int:
        return self._table.execute(statement).fetchone()[0] or 0


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except sqlite3.OperationalError:  # The disk is full, or another process writes.
        raise
    except sqlite3.DatabaseError:
        os.remove(path)
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    table = sqlite3.connect(path, timeout=_PATIENCE_SECONDS)
    try:
        table.execute(_TABLE)
    except BaseException:
        table.close()
        raise
    return table


def _as_of_file(error: sqlite3.Error) -> OSError:
    return OSError(errno.EIO, f"its index: {error}")


def has_size(path, size: int) -> bool:
    """Whether there is a file of this many bytes."""
    with contextlib.suppress(OSError):
        return os.path.getsize(path) == size
    return False
