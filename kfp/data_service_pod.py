"""`python -m kfp.data_service_pod ROLE FOLDER DISPATCHER …`: a process of the tf.data service that
decodes for the training of one step.

ROLE is dispatcher, followed by the folder of its state, or workers, followed by the addresses of
all of them.
"""

import logging
import os
import sys
import threading
import time
from pathlib import Path

from components.child_environment import end_with_the_parent
from components.reachable import unreachable
from components.trainer.cluster import WorkerLost
from failures import Failure, in_one_line
from files import writing
from kfp.data_service_job import DISPATCHER, PROCESS
from kfp.indexed_job import INDEX
from kfp.shared_folder import log_of
from kfp.worker import end_without_the_step
from pipeline import surroundings
from pipeline.data_service import serve_dispatcher, serve_worker
from pipeline.program import LOG_FORMAT, leave
from pipeline.worker_processes import failure_of

_ASK_EVERY = 1.0  # seconds


def main(role: str, folder: Path, dispatcher: str, rest: list[str]) -> int:
    surroundings.pin()
    process = os.environ.get(PROCESS)
    number, own = int(process or os.environ[INDEX]), folder / role
    own.mkdir(exist_ok=True)
    handlers = [logging.StreamHandler(), logging.FileHandler(log_of(own, number))]
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, handlers=handlers, force=True)
    if process:
        end_with_the_parent()
    else:
        threading.Thread(target=end_without_the_step, args=(folder,), daemon=True).start()
    served = []

    def say(line):
        served.append(line)
        logging.info("%s", line)

    try:
        if role == DISPATCHER:
            serve_dispatcher(_port(dispatcher), rest[0], say)
        else:
            _wait_for(dispatcher)
            host = rest[number].rpartition(":")[0]
            serve_worker(dispatcher, host, _port(rest[number]), say)
    except Failure as failure:
        logging.error("%s", failure)
        if not served:
            writing.write(failure_of(own, number), in_one_line(failure))
            return Failure.exit_code
    # After a request to end as well: of a pod that ends with 0, a Job makes no other.
    return WorkerLost.exit_code


def _wait_for(dispatcher: str) -> None:
    """Waits until its pod has begun; for how long is up to the step."""
    while unreachable(dispatcher):
        time.sleep(_ASK_EVERY)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


if __name__ == "__main__":
    leave(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]))
