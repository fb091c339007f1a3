"""`python -m kfp.trial_pod FOLDER TRIALS`: one of the pods that do the trials of a search."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

from components.tuner.search_lock import check_search_is_held
from components.tuner.trial_runner import serve
from kfp.indexed_job import INDEX
from kfp.reserved_gpus import check_reserved_gpus
from kfp.shared_folder import log_of
from kfp.trial_job import STEP
from kfp.worker import end_without_the_step
from pipeline import surroundings
from pipeline.program import LOG_FORMAT, leave
from pipeline.worker_processes import exit_code_of

_INTERRUPTED = 130  # not Failure's exit code, which would end the Job


def main(folder: Path, trials: Path) -> int:
    """Serves until the pod is asked to end, as by an eviction, which is no fault of its trial."""
    # It would end without a word to `counted`, and the first process of a pod not at all.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    surroundings.pin()
    number = int(os.environ[INDEX])
    handlers = [logging.StreamHandler(), logging.FileHandler(log_of(folder, number))]
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, handlers=handlers, force=True)
    threading.Thread(target=end_without_the_step, args=(folder,), daemon=True).start()

    def work(number: int) -> None:
        check_reserved_gpus(STEP)
        check_search_is_held(trials)
        serve(trials)

    try:
        return exit_code_of(work, trials, number)
    except KeyboardInterrupt:
        logging.info("This pod was asked to end: another one goes on with its trial.")
        return _INTERRUPTED


if __name__ == "__main__":
    leave(main(Path(sys.argv[1]), Path(sys.argv[2])))
