"""Writes the TFRecord files of splits: all are whole, or none is there."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from components.engine import Engine, run_shards
from components.usable_cores import usable_cores
from files import writing


@contextlib.contextmanager
def all_or_none(paths: Iterable[str]) -> Iterator[None]:
    """Empties the folders of these shards, and again where the block fails.

    A killed attempt at the same artifact may have left files there.
    """
    folders = {os.path.dirname(path) for path in paths}
    for folder in folders:
        writing.remove(folder)
    try:
        yield
    except BaseException:
        for folder in folders:
            writing.remove(folder)
        raise


def write_all(
    write: Callable[[Any], Any],
    shards: Sequence[Any],
    uri: str,
    engine: Engine | None = None,
    processes: int = 0,
) -> list[Any]:
    """Writes shards, several at once: on the workers of an engine, or on this machine.

    Args:
      write: writes one shard; as the work of `run_shards`.
      shards: what it is called with.
      uri: folder of the artifact.
      engine, processes: as for `run_shards`; without both, threads write.

    Returns:
      What `write` returned for each.

    Raises:
      Failure: what `write` raises, or the engine failed.
    """
    reports = f"{uri}/unfinished"
    try:
        return list(run_shards(write, shards, reports, engine, usable_cores(), processes))
    finally:
        writing.remove(reports)
