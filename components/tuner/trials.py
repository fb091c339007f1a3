"""Several trials at a time, each in a process of its own."""

import contextlib
import logging
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.child_environment import child_environment, last_words, project_on_path
from components.tuner.attempt import Attempt
from components.tuner.trial_files import TRIAL, process_lost, read_result
from components.visible_gpus import visible_gpus
from failures import Failure, SurroundingsFailure

# The variable that says that other processes will train after the search; whoever starts them sets
# it. A process keeps a GPU's memory to its end.
LEAVE_GPUS = "STEADYFEED_LEAVE_GPUS"
_log = logging.getLogger(__name__)


class Trials:
    """Runs trials in processes, which end with it.

    Args:
      at_once: how many will run at a time; each gets its share of the visible GPUs, and of the
        memory for decoded images.
    """

    def __init__(self, at_once: int):
        self._at_once = at_once
        self._free, self._turn = queue.SimpleQueue(), threading.Lock()
        for place in range(at_once):
            self._free.put(place)
        self._running, self._lock, self._closed = set(), threading.Lock(), False

    def run(self, attempt: Attempt) -> float:
        """What `trial.objective_of` returns; to be called by as many threads as there are places.

        Where the trial did not fit into the memory of a GPU that it shared, it is tried once more,
        with no other trial beside it.

        Raises:
          Failure: the trial cannot be trained with these values, or its process was killed.
          SurroundingsFailure: a file or a service failed.
          RuntimeError: it broke down.
        """
        with self._places(1) as place:
            result = self._result(place, attempt)
        if result.get("of_memory") and self._share_gpus():
            _log.info("a trial did not fit beside others on a GPU, and is tried once more alone")
            with self._places(self._at_once) as place:
                result = self._result(place, attempt)
        return _reached(result)

    def close(self) -> None:
        """Ends all trials."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    @contextlib.contextmanager
    def _places(self, count: int) -> Iterator[int]:
        """Waits until so many places are free, takes them, and yields one of them."""
        with self._turn:  # Two who want all places would each wait for those of the other.
            taken = [self._free.get() for _ in range(count)]
        try:
            yield taken[0]
        finally:
            for place in taken:
                self._free.put(place)

    def _share_gpus(self) -> bool:
        """Whether a trial may have others beside it on its GPU."""
        return 0 < len(visible_gpus(os.environ)) < self._at_once

    def _result(self, place: int, attempt: Attempt) -> dict[str, Any]:
        """What the trial left, in the form of `read_result`."""
        with tempfile.TemporaryDirectory(prefix="trial-") as name, tempfile.TemporaryFile() as said:
            Path(name, TRIAL).write_bytes(pickle.dumps((attempt, self._at_once)))
            words = self._process(place, name, said)
            return read_result(Path(name)) or process_lost(words)

    def _process(self, place: int, folder: str, said) -> str:
        with self._lock:
            if self._closed:
                raise Failure("Tuner: the search was ended.")
            process = subprocess.Popen(
                [sys.executable, "-m", "components.tuner.trial", folder],
                env=self._environment(place),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends them all.
            )
            self._running.add(process)
        with process:
            words = last_words(process, said)
        with self._lock:
            self._running.discard(process)
        return words

    def _environment(self, place: int) -> dict[str, str]:
        environment = project_on_path(child_environment())
        gpus = visible_gpus(os.environ)
        if gpus:
            # With fewer GPUs than trials, some share one.
            share = gpus[place :: self._at_once] or [gpus[place % len(gpus)]]
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(share)
        return environment


def _reached(result: dict[str, Any]) -> float:
    if "failure" in result:
        raise Failure(result["failure"])
    if "surroundings" in result:
        raise SurroundingsFailure(result["surroundings"])
    if "defect" in result:
        raise RuntimeError(result["defect"])
    return result["reached"]
