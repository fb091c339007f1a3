"""Where a search keeps its state, over which runs that share a volume search one at a time."""

import contextlib
import errno
import logging
import os
import tempfile
import uuid
from collections.abc import Iterator

from components.trainer.checkpoints import LOCK
from components.trainer.training_job import TrainingJob
from components.tuner.search_space import weights_tried
from files import places, writing
from files.locks import InUse, hold
from settings.own_modules import digest
from settings.tuner import Tuner

# What flock answers on some network and FUSE file systems.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_log = logging.getLogger(__name__)
_progress = logging.getLogger("steadyfeed.progress")


@contextlib.contextmanager
def search_state(job: TrainingJob, tuner: Tuner) -> Iterator[str]:
    """Yields the folder of this search, and removes it after a block that raised nothing.

    With a `checkpoint_dir` the folder outlives a kill. Another run that searches the same waits: it
    would do the trials that are running once more, over the same logs.

    Where the file system has no locks, nothing waits.

    Raises:
      SurroundingsFailure: the lock beside the folder cannot be made.
    """
    folder = _folder(job, tuner)
    if places.is_remote(folder):  # A bucket has no locks.
        yield folder
        _remove(folder)
        return
    lock = f"{folder}{LOCK}"
    with _only_search(lock):
        try:
            yield folder
            _remove(folder)
        finally:
            with contextlib.suppress(OSError):  # A lock that stays does no harm.
                os.remove(lock)


def _folder(job: TrainingJob, tuner: Tuner) -> str:
    # Another number of trials at a time goes on with the same search.
    searched = tuner.model_dump(mode="json", exclude={"parallel_trials"})
    also = {
        "tuner": searched,
        "weights_tried": weights_tried(tuner),
        # The job knows the code of its recipe, and not that of other losses to choose from.
        "code_tried": digest(tuner.own_modules),
    }
    return job.state_folder(also, "tuner-") or tempfile.mkdtemp()


def _only_search(lock: str) -> contextlib.AbstractContextManager:
    with writing.reported(lock):
        writing.make_folder(os.path.dirname(lock))
        try:
            return hold(lock, wait=False)
        except InUse as error:
            said = "waiting for %s, which searches the same and holds %s"
            _progress.info(said, error.holder, lock)
            return hold(lock)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            _log.warning("%s cannot be locked: run no two searches of the same at once", lock)
            return contextlib.nullcontext()


def _remove(folder: str) -> None:
    try:
        if places.is_remote(folder):
            writing.remove(folder)
        else:
            # Half a state would mislead the next search. What cannot go yet, as on NFS while
            # somebody reads it, goes as what an ended training leaves.
            writing.remove_at_once(folder, f"{folder}-{uuid.uuid4().hex[:16]}")
    except Exception as error:
        if not places.is_file_error(error):
            raise
        # The results count for more.
        logging.warning("%s stays for now: %s", folder, places.why(error))
