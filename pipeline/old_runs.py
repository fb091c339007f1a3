"""Removes from a root what only old runs used.

Runs share what the cache answers: a folder of an output goes when none of the runs that are kept
made or read it. First weights and a curated schema are no inputs that ML Metadata knows, so what a
configuration names stays too. ML Metadata stays whole, so that lineage, `--from-model` and the
cache still know every run; TFX looks whether a cached output is still there, and computes it again
where it is not.
"""

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ml_metadata.proto import metadata_store_pb2

from files import writing
from pipeline.metadata_store import component_of, newest_executions, open_store, outputs_of, run_of
from pipeline.origin import read_origin
from settings.configuration import Configuration

_SYSTEM = ".system"  # TFX's folder beside a component's outputs
_LEAVING = ".removed-"
# Drivers' folders are named by the time.
_BY_RUN = ("logs", "reports", f"*/{_SYSTEM}/driver_execution")
_USES = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.OUTPUT)


class Removed(NamedTuple):
    """What went: a number of folders, and the bytes that their files took."""

    folders: int
    size: int

    @property
    def in_words(self) -> str:
        plural = "" if self.folders == 1 else "s"
        return f"{self.folders} folder{plural} of old runs, {self.size / 1e6:,.0f} MB"


def remove_old_runs(
    root: str | os.PathLike, keep: int, configuration: Configuration | None = None
) -> Removed:
    """Removes the outputs, logs and reports that none of the newest runs made or read.

    Args:
      root: no run may be active on it.
      keep: how many runs stay whole, at least 1; those that failed count as well.
      configuration: of the next run; outputs that it names stay, as do those that the
        configurations of the kept runs name.

    Raises:
      Failure: nothing has run there.
      OSError: something cannot be removed.
    """
    root = Path(root)
    store = open_store(root)
    kept, configurations = _newest_runs(store, keep)
    if not kept:
        return Removed(0, 0)
    executions = {execution.id for execution in kept}
    used = set(_used_by(store, sorted(executions)))
    if configuration is not None:
        configurations.append(configuration.model_dump(mode="json"))
    named = set(_named_in(configurations))
    leftovers = (root.glob(f"{place}/{_LEAVING}*") for place in ("*/*", f"*/{_SYSTEM}/*"))
    for left in itertools.chain(*leftovers):  # of a removal that was killed
        shutil.rmtree(left, ignore_errors=True)
    removed = [
        _remove(folder)
        for folder in list(_outputs_below(root, store))
        if int(folder.name) not in executions
        and folder.relative_to(root).parts not in used
        and folder.resolve() not in named
    ]
    began = min(execution.create_time_since_epoch for execution in kept) / 1000
    for file in itertools.chain(*(root.glob(f"{name}/*") for name in _BY_RUN)):
        if file.lstat().st_mtime < began:
            writing.remove(file)
    return Removed(len(removed), sum(removed))


def _newest_runs(store, count: int) -> tuple[list[metadata_store_pb2.Execution], list[Any]]:
    """The executions of so many runs, the newest, and the runs' configurations as plain data."""
    runs, configurations = {}, []
    for execution in newest_executions(store):
        run = run_of(store, execution.id)
        if run is None:
            continue
        name, said = run
        if name not in runs:
            if len(runs) == count:
                break
            configurations.append(read_origin(said).configuration)
        runs.setdefault(name, []).append(execution)
    return [execution for executions in runs.values() for execution in executions], configurations


def _named_in(plain: Any) -> Iterator[Path]:
    """The places that any text of plain data names, and all folders above them."""
    if isinstance(plain, dict | list):
        for inner in plain.values() if isinstance(plain, dict) else plain:
            yield from _named_in(inner)
    elif isinstance(plain, str) and "\0" not in plain:
        place = Path(os.path.realpath(os.path.expanduser(plain)))
        yield from (place, *place.parents)


def _used_by(store, executions: list[int]) -> Iterator[tuple[str, ...]]:
    """(component, output, execution) of each folder below the root that they made or read.

    The root may have been moved since, so only the last parts of a URI count.
    """
    events = store.get_events_by_execution_ids(executions)
    artifacts = {event.artifact_id for event in events if event.type in _USES}
    for artifact in store.get_artifacts_by_id(sorted(artifacts)):
        yield Path(artifact.uri).parts[-3:]


def _outputs_below(root: Path, store) -> Iterator[Path]:
    """The folders of executions' outputs, and TFX's own of them.

    What is at other places of the root with such a name, as a pushed version, is not TFX's.
    """
    folders = [folder for folder in root.glob("*/*/*") if folder.name.isdecimal()]
    folders += [folder for folder in root.glob(f"*/{_SYSTEM}/*/*") if folder.name.isdecimal()]
    by_number = sorted(folders, key=lambda folder: int(folder.name))
    for number, group in itertools.groupby(by_number, key=lambda folder: int(folder.name)):
        found = store.get_executions_by_id([number]) if number < 2**63 else []
        if not found:
            continue
        component, outputs = component_of(store, found[0]), outputs_of(store, number)
        for folder in group:
            parts = folder.relative_to(root).parts
            if parts[0] == component and (parts[1] == _SYSTEM or parts[1] in outputs):
                yield folder


def _remove(folder: Path) -> int:
    """Removes a folder whole, and returns the bytes that this frees."""
    size = _size(folder)
    writing.remove_at_once(str(folder), str(folder.with_name(f"{_LEAVING}{folder.name}")))
    return size


def _size(folder: Path) -> int:
    """Bytes. A file with other names, as a span's shards have in the store, frees nothing yet."""
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    stats = [file.lstat() for file in files]
    return sum(one.st_size for one in stats if one.st_nlink == 1)
