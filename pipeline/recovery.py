"""Puts a pipeline root in order after a run that was killed.

A killed run leaves executions that ML Metadata believes to be running, and folders that no
finished execution owns. The execution's state alone tells both from finished work, so this is
safe wherever the root's lock is held.
"""

import itertools
import shutil
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata_store import component_of, newest_executions

_DEAD = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)
# Each start clears what the run before it left, and a run has fewer executions than this.
_NEWEST = 100


def clear_unfinished(store, root):
    """Marks the executions of dead runs as failed and removes what they began.

    Args:
      store: the root's MetadataStore. Nothing else may run on the root.

    Returns:
      The component ids of the cleared executions, oldest first.
    """
    newest = list(itertools.islice(newest_executions(store), _NEWEST))
    dead = [e for e in reversed(newest) if e.last_known_state in _DEAD]
    if not dead:
        return []
    for execution in dead:
        execution.last_known_state = metadata_store_pb2.Execution.FAILED
        for folder in _folders_of(execution, Path(root, component_of(store, execution))):
            shutil.rmtree(folder, ignore_errors=True)
    store.put_executions(dead)
    return [component_of(store, execution) for execution in dead]


def _folders_of(execution, component):
    """TFX puts outputs at <root>/<component>/<output>/<execution id>.

    What is at other places of the root with such a name, as a pushed version, is not TFX's.
    """
    number = str(execution.id)
    yield from component.glob(f"*/{number}")
    yield from component.glob(f".system/*/{number}")
