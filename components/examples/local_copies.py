"""Where a source's files are on this machine: those in a bucket are copied first."""

import os
from typing import Any, NamedTuple

from components.examples.picture_files import shown
from files.buckets.addresses import is_bucket
from settings.buckets import Cached


class LocalPath(NamedTuple):
    """A file or folder of a source."""

    path: str  # absolute
    name: str  # for messages: what the configuration names
    held: Any = None  # keeps the copy of a bucket as it is, until the last reference goes


def local(path: str, cached: Cached, part: str = "") -> LocalPath:
    """Finds a file or folder on this machine, or copies what of it is new from its bucket.

    Args:
      part: the path below a bucket's folder that is copied alone.

    Raises:
      Failure: the bucket cannot be read, or the cache cannot be written.
    """
    if not is_bucket(path):
        here = os.path.abspath(os.path.expanduser(path))
        return LocalPath(here, shown(here))
    from files.buckets import mirror  # Only a bucket needs its table of files.

    most = None if cached.cache_gb is None else cached.cache_gb * mirror.GB
    copy = mirror.mirror(path, mirror.Cache(cached.cache_dir, most), part)
    return LocalPath(copy.path, shown(path), copy)
