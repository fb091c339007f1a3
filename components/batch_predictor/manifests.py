"""The images that a CSV, JSONL or Parquet file names, to be predicted."""

import os
from collections.abc import Iterator

from components.batch_predictor.places import Files
from components.examples.local_copies import local
from components.manifest_example_gen import tables
from failures import Failure
from files.buckets.addresses import is_bucket, normal
from settings.buckets import Cached


def named_files(manifest: str, column: str, root: str, cached: Cached) -> Files:
    """The images that a manifest names, once each, in its order.

    Args:
      manifest, root: the file, and where its paths begin, from its folder on; each on this
        machine or in a bucket, of which all below the root is copied.

    Raises:
      Failure: the manifest cannot be read, lacks the column or has a row without a path.
    """
    above = os.path.dirname(manifest)
    folder = root if is_bucket(root) else os.path.join(above, os.path.expanduser(root))
    if not is_bucket(folder):
        file = local(manifest, cached).path if is_bucket(manifest) else manifest
        names = _names(file, manifest, column)
        paths = [os.path.normpath(os.path.join(folder, name)) for name in names]
        return Files(dict(zip(paths, paths, strict=True)))
    folder = normal(folder)
    copy = local(folder, cached)
    if normal(above) == folder:
        file = os.path.join(copy.path, os.path.basename(manifest))
    else:
        file = local(manifest, cached).path if is_bucket(manifest) else manifest
    paths = {}
    for name in _names(file, manifest, column):
        below = os.path.normpath(name)
        if os.path.isabs(below) or below.split("/")[0] == "..":
            raise Failure(
                f"--input {manifest}: given {name!r}; allowed: a path below {folder}. Correct the "
                "manifest, then run again."
            )
        paths[f"{folder}/{below}"] = os.path.join(copy.path, below)
    return Files(paths, version=copy.held.version, held=copy.held)


def _names(file: str, manifest: str, column: str) -> Iterator[str]:
    table = tables.read(file, [column])
    if column not in table.columns:
        raise Failure(
            f"--input {manifest} has no column {column!r}. It has: {', '.join(table.columns)}. "
            "Rename one, or give --config with data.columns.path."
        )
    where = ""
    for where, cells in table.rows:
        path = cells.get(column)
        if not isinstance(path, str) or not path or "\0" in path:
            raise Failure(
                f"--input {manifest}, {where}: given {path!r}; allowed: a path. Correct the "
                "manifest, then run again."
            )
        yield path
    if not where:
        raise Failure(f"--input {manifest} has no rows. Name another.")
