"""What trials of this and of earlier searches came to: no training is done a second time."""

import os
from pathlib import Path
from typing import Any

from components.trainer.history import HISTORY_FILE, History
from components.trainer.training_job import TrainingJob
from components.trainer.training_log import TrainingLog
from files import places, writing


class KnownTrials:
    """Histories of whole trainings by all that decides them: data, sections, seed and code.

    Args:
      folder: where they are kept, on a local disk, from search to search; None keeps none.
    """

    def __init__(self, folder: str | None):
        self._folder = folder

    @classmethod
    def beside(cls, checkpoint_dir: str | None) -> "KnownTrials":
        """Those that searches with this `checkpoint_dir` share; none in a bucket."""
        if not checkpoint_dir or places.is_remote(checkpoint_dir):
            return cls(None)
        return cls(os.path.join(os.path.dirname(checkpoint_dir), "tuner_trials"))

    def recall(self, job: TrainingJob, log_folder: str, values: dict[str, Any]) -> History | None:
        """The history of this very training, whose logs `log_folder` gets; None if it is new."""
        if self._folder is None:
            return None
        known = History.read(Path(self._place(job)))
        if known is None:
            return None
        writing.remove(log_folder)
        log = TrainingLog(log_folder)
        for epoch in known.epochs:
            log.add(epoch)
        log.close(
            best_epoch=known.best_epoch, hyperparameters=values, monitor=known.monitor, reused=True
        )
        return known

    def keep(self, job: TrainingJob, log_folder: str) -> None:
        """Keeps what a trial left in `log_folder`, if it was trained to its end.

        Raises:
          Failure: the disk is full, or the folder cannot be written.
        """
        if self._folder is None:
            return
        history = History.read(Path(log_folder))
        if history and not history.stopped_early:
            content = Path(log_folder, HISTORY_FILE).read_bytes()
            writing.write(os.path.join(self._place(job), HISTORY_FILE), content)

    def _place(self, job: TrainingJob) -> str:
        return os.path.join(self._folder, job.fingerprint({}))
