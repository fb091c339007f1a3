"""`python -m pipeline.worker FOLDER`: one worker of a training that the local runner started."""

import logging
import sys
from pathlib import Path

from pipeline.program import LOG_FORMAT, leave, uncollected

if __name__ == "__main__":
    with uncollected():
        from pipeline.worker_execution import execute
        from pipeline.worker_processes import as_worker
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    place = Path(sys.argv[1])
    leave(as_worker(lambda number: execute(place, number), place))
