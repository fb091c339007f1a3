"""One run at a time on a pipeline root."""

from pathlib import Path

from files.locks import InUse
from files.locks import hold as hold_lock
from files.writing import reported

LOCK = ".lock"


def hold(root):
    """Holds the pipeline root, made if missing, until the block or the process ends.

    Raises:
      InUse: another process holds it.
      Failure: the folder cannot be written.
    """
    root = Path(root)
    next_step = "Choose another root with --set root=FOLDER, or make this one writable."
    with reported(root, next_step):
        root.mkdir(parents=True, exist_ok=True)
        try:
            return hold_lock(root / LOCK, wait=False)
        except InUse as error:
            raise InUse(
                f"{root} is in use by {error.holder}. Wait for that run, or give this one a root "
                "of its own: --set root=FOLDER.",
                error.holder,
            ) from None
