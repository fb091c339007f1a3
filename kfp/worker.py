"""`python -m kfp.worker FOLDER ADDRESS…`: one of the processes that do a step's work.

In a pod of a Job it finds its number in the variable that Kubernetes sets; without a cluster,
`run_together` has set TF_CONFIG already.
"""

import json
import logging
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from components.trainer.cluster import place, tf_config
from failures import Failure
from kfp.entrypoint import run
from kfp.indexed_job import INDEX
from kfp.reserved_gpus import check_reserved_gpus
from kfp.shared_folder import STEP_IS_HERE, log_of
from kfp.worker_job import STEP
from kfp.worker_step import HANDED_OVER, output_of
from pipeline import surroundings
from pipeline.program import LOG_FORMAT, leave
from pipeline.temporary_folder import temporary_folder
from pipeline.worker_processes import as_worker, exit_code_of, remove_begun

_LONGEST_SILENCE = 900.0  # seconds; the step itself waits 600 for an API that is away


def main(folder: Path, addresses: list[str]) -> int:
    surroundings.pin()
    if INDEX in os.environ and "TF_CONFIG" not in os.environ:
        os.environ["TF_CONFIG"] = tf_config(addresses, int(os.environ[INDEX]))
    number = place(os.environ).number
    handlers = [logging.StreamHandler()]
    if INDEX in os.environ:
        # The pods' own logs go with them.
        handlers.append(logging.FileHandler(log_of(folder, number)))
    # By force: what a library logged while it was imported has set a handler already.
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, handlers=handlers, force=True)
    if INDEX in os.environ:
        threading.Thread(target=end_without_the_step, args=(folder,), daemon=True).start()
        return exit_code_of(lambda number: execute(folder, number), folder, number)
    return as_worker(lambda number: execute(folder, number), folder)


def end_without_the_step(folder: Path) -> None:
    """Ends this pod, and so its Job, when the step that made the Job is gone.

    A step whose run is stopped has no time to delete the Job, and a GPU costs money.
    """
    said, changed = None, time.monotonic()
    while time.monotonic() - changed < _LONGEST_SILENCE:
        time.sleep(_LONGEST_SILENCE / 20)
        try:
            now = (folder / STEP_IS_HERE).read_bytes()
        except OSError:  # Not written yet, or the volume is away: nothing new was heard.
            continue
        if now != said:
            said, changed = now, time.monotonic()
    logging.error("The step that started this training is gone: this worker ends.")
    os._exit(Failure.exit_code)


def execute(folder: Path, number: int) -> None:
    """Does the step that `worker_step` handed over; the first worker leaves what it made."""
    surroundings.check_xla()  # The step's variables may be the workers' alone.
    check_reserved_gpus(STEP)
    step = json.loads((folder / HANDED_OVER).read_text())
    outputs = step["executor_input"]["outputs"]
    outputs["outputFile"] = str(output_of(folder, number))
    if number == 0:
        artifacts = outputs["artifacts"].values()
        remove_begun(record["uri"] for made in artifacts for record in made["artifacts"])
    with (
        tempfile.TemporaryDirectory(prefix="steadyfeed-", ignore_cleanup_errors=True) as temporary,
        temporary_folder(Path(temporary) / "tmp"),
    ):
        run(step["executor"], step["executor_input"], step["inputs_spec"], step["flags"])


if __name__ == "__main__":
    leave(main(Path(sys.argv[1]), sys.argv[2:]))
