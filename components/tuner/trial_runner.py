"""Does the trials that a search leaves in a folder, one after another, each in a process.

When the runner is lost, the next one finds the trial that it was at, which goes on from its
checkpoint. Nothing here imports TensorFlow.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from components.child_environment import child_environment, last_words, project_on_path
from components.tuner.trial_files import RESULT, TRIAL, process_lost, read_result
from files import writing
from files.strict_json import text_of

_LOOK_EVERY = 1.0  # seconds


def serve(folder: Path) -> NoReturn:
    """Does what `FarTrials` leaves in the folder of a place, which may not be there yet."""
    while True:
        for trial in sorted(file.parent for file in folder.glob(f"*/{TRIAL}")):
            if read_result(trial) is None:
                _do(trial)
        time.sleep(_LOOK_EVERY)


def _do(trial: Path) -> None:
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [sys.executable, "-m", "components.tuner.trial", str(trial)],
            env=project_on_path(child_environment()),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        ) as process,
    ):
        while process.poll() is None:
            if not (trial / TRIAL).exists():  # The search ended, and nobody waits for it.
                process.kill()
            time.sleep(_LOOK_EVERY)
        words = last_words(process, said)
    if (trial / TRIAL).exists() and read_result(trial) is None:
        writing.write(trial / RESULT, text_of(process_lost(words)))
