"""The lock that a search holds for as long as runners elsewhere do its trials.

None of them can take it, unless locks on the volume's files do not reach from node to node. Then
several would do the same trial, over one checkpoint.
"""

from pathlib import Path
from typing import BinaryIO

from failures import Failure
from files import places
from files.locks import InUse, hold

_LOCK = "search.lock"
_NEXT_STEP = (
    "Put kubeflow.work_dir on a volume whose file locks hold across nodes, as those of NFSv4 and "
    "CephFS do, or set kubeflow.trial_pods to false."
)


def hold_search(folder: Path) -> BinaryIO:
    """Holds the lock of the search whose trials lie in `folder`: `with hold_search(folder): …`.

    Raises:
      InUse: another process holds it.
      SurroundingsFailure: the volume has no locks.
    """
    with places.reported(f"{folder / _LOCK} cannot be locked", _NEXT_STEP):
        return hold(folder / _LOCK, wait=False)


def check_search_is_held(folder: Path) -> None:
    """To be called by a runner before its first trial.

    Raises:
      Failure: it sees nothing of the lock that the search holds.
    """
    try:
        hold_search(folder).close()
    except InUse:
        return
    raise Failure(
        f"locks on files of {folder} do not reach from one node to another, so several pods would "
        f"do the same trial. {_NEXT_STEP}"
    )
