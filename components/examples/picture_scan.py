"""Looks at many files of a source, on all cores."""

import functools
import itertools
from collections.abc import Iterable, Iterator

from components.examples.picture_files import Picture, examined
from components.in_parallel import in_processes, in_threads, processes_if
from components.usable_cores import usable_cores

_BATCH = 64  # files that are looked at before they are reported
_MANY = 8192  # files, which take more than a second twice
Examined = tuple[str, Picture | None, str]  # a path, and what `examined` returns


def processes_for(files: int) -> int:
    """How many processes read so many files soonest; 0 where threads of this one do."""
    return processes_if(files >= _MANY)


def all_examined(folder: str, paths: Iterable[str]) -> Iterator[Examined]:
    """What `examined` finds in each file below a folder, in the order of the paths."""
    paths = list(paths)
    batches = (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH))
    work = functools.partial(_examined, folder)
    if processes := processes_for(len(paths)):
        results = in_processes(work, batches, processes)
    else:
        results = in_threads(work, batches, usable_cores())
    return itertools.chain.from_iterable(results)


def _examined(folder: str, paths: list[str]) -> list[Examined]:
    return [(path, *examined(folder, path)) for path in paths]
