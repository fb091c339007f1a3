"""`python -m kfp.trial_pod FOLDER TRIALS`: one of the pods that do the trials of a search."""

import logging
import os
import sys
import threading
from pathlib import Path

from components.tuner.trial_runner import serve
from kfp.indexed_job import INDEX
from kfp.shared_folder import log_of
from kfp.worker import end_without_the_step
from pipeline import surroundings
from pipeline.program import LOG_FORMAT


def main(folder: Path, trials: Path) -> None:
    surroundings.pin()
    number = int(os.environ[INDEX])
    handlers = [logging.StreamHandler(), logging.FileHandler(log_of(folder, number))]
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, handlers=handlers, force=True)
    threading.Thread(target=end_without_the_step, args=(folder,), daemon=True).start()
    serve(trials)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
