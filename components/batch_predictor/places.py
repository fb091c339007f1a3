"""Where the files to predict are on this machine; what is in a bucket is copied first."""

import glob
import os
from typing import Any, NamedTuple

from components.examples.local_copies import local
from files.buckets.addresses import is_bucket
from files.walking import matching, walk
from settings.buckets import Cached

BY_DEFAULT = Cached()
_BUCKET = 2  # its place in an address that is split at slashes


class Files(NamedTuple):
    """The files of a place, in order."""

    paths: dict[str, str]  # by the name that answers have, such as an address in a bucket
    is_folder: bool = False
    version: str = ""  # of a bucket's copy: another one wherever its content could be another
    held: Any = None  # keeps the copy as it is, until the last reference goes


def files_at(place: str, cached: Cached) -> Files:
    """The files of a file, of a folder with all below it, or of a glob; links are followed.

    Raises:
      Failure: a bucket cannot be read, or its copy cannot be written.
    """
    if is_bucket(place):
        return _in_bucket(place, cached)
    is_folder, found = os.path.isdir(place), [place]
    if is_folder:
        found = sorted(os.path.join(one, name) for one, _, names in walk(place) for name in names)
    elif not os.path.exists(place):  # A glob comes last: a file's name may hold brackets.
        found = _matching(place)
    return Files(dict(zip(found, found, strict=True)), is_folder)


def _in_bucket(place: str, cached: Cached) -> Files:
    """A glob has no folder of its own: all below the one before its first wildcard is copied."""
    parts = place.rstrip("/").split("/")
    wild = (at for at, part in enumerate(parts) if at > _BUCKET and glob.has_magic(part))
    plain = next(wild, len(parts))
    above = "/".join(parts[:plain])
    copy = local(above, cached)
    if plain < len(parts):
        found = _matching(os.path.join(glob.escape(copy.path), *parts[plain:]))
    else:
        found = files_at(copy.path, cached).paths
    paths = {above + path[len(copy.path) :]: path for path in found}
    return Files(paths, os.path.isdir(copy.path), copy.held.version, copy.held)


def _matching(pattern: str) -> list[str]:
    return sorted(path for path in matching(pattern) if os.path.isfile(path))
