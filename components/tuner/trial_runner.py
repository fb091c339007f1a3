"""Does the trials that a search leaves in a folder, one after another, each in a process.

As many runners as there are share the folder. One holds the lock of its trial; when it is lost,
another finds the trial, which goes on from its checkpoint. Nothing here imports TensorFlow.
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO, NoReturn

from components.child_environment import child_environment, last_words, project_on_path
from components.tuner.starts import STARTS, TOO_OFTEN, counted, lost_too_often
from components.tuner.trial_files import RESULT, TRIAL, lock_of, process_lost, read_result
from files import writing
from files.locks import InUse, hold
from files.strict_json import text_of

_LOOK_EVERY = 1.0  # seconds


def serve(folder: Path) -> NoReturn:
    """Does what `FarTrials` leaves in the folder, which may not be there yet: the oldest first."""
    while True:
        for trial in sorted(file.parent for file in folder.glob(f"*/{TRIAL}")):
            with contextlib.suppress(InUse), hold(lock_of(trial), wait=False) as lock:
                if _is_wanted(trial):
                    _do(trial, lock)
        time.sleep(_LOOK_EVERY)


def _is_wanted(trial: Path) -> bool:
    """Whether the search waits for a trial that has no result; to be asked by its lock's holder."""
    try:
        # NFS may still know a file's name that the search has removed. To open it asks the server.
        with open(trial / TRIAL, "rb"):
            return read_result(trial) is None
    except OSError:
        return False


def _do(trial: Path, lock: BinaryIO) -> None:
    starts = trial / STARTS
    if lost_too_often(starts):
        lost = f"its pod {TOO_OFTEN}"
    else:
        with counted(starts):
            lost = _train(trial, lock)
    if _is_wanted(trial):
        writing.write(trial / RESULT, text_of(process_lost(lost)))


def _train(trial: Path, lock: BinaryIO) -> str:
    """How the process of a trial ended."""
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [sys.executable, "-m", "components.tuner.trial", str(trial)],
            env=project_on_path(child_environment()),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
            pass_fds=[lock.fileno()],  # It may outlive a runner that is killed by a moment.
        ) as process,
    ):
        while process.poll() is None:
            if not (trial / TRIAL).exists():  # The search ended, and nobody waits for it.
                process.kill()
            time.sleep(_LOOK_EVERY)
        return last_words(process, said)
