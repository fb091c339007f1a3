"""A Tuner's step whose trials run in pods of their own; the search itself stays in the step."""

import contextlib
import functools
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from components.tuner.far_trials import LOST, RUNNERS, RunnersLost
from components.tuner.search_lock import hold_search
from failures import Failure
from files import writing
from kfp import shared_folder
from kfp.entrypoint import run
from kfp.pods_beside import pods
from kfp.trial_job import named


def search_with_pods(executor, executor_input, inputs_spec, flags, template: Mapping) -> None:
    """Does what `entrypoint.run` does, with a Job of trial runners for the time of the search.

    Args:
      executor, executor_input, inputs_spec: as for `entrypoint.run`.
      template: of `trial_job.template`.

    Raises:
      Failure: the search's own, one of a pod, pods were lost too often, or Kubernetes refuses the
        Job.
    """
    if shared_folder.without_a_cluster():  # The step's own processes do them.
        run(executor, executor_input, inputs_spec, flags)
        return
    name, folder, given = shared_folder.enter("trials", executor_input)
    # Of this attempt alone: nobody waits for what an earlier one left.
    trials = folder / f"trials-{uuid.uuid4().hex}"
    trials.mkdir()
    objects = named(template, name, str(folder), str(trials), shared_folder.this_pod())
    what, count = "trial runner", template["job"]["spec"]["completions"]
    try:
        with (
            hold_search(trials),
            shared_folder.ended_by_sigterm(),
            _variable(RUNNERS, str(trials)),
            pods(objects, folder, functools.partial(_tell, trials / LOST)),
        ):
            run(executor, given, inputs_spec, flags)
    except RunnersLost as lost:
        said = shared_folder.failure_in(trials, what, count)
        raise said or Failure(f"Tuner: {lost} Run again: the search goes on.") from None
    finally:
        shared_folder.keep_logs(folder, what, count)
    shared_folder.remove(folder)


def _tell(file: Path, failure: Failure | None) -> None:
    """Tells the search's threads what is wrong with their runners."""
    with contextlib.suppress(Failure, OSError):  # The next look tells it again.
        if failure:
            writing.write(file, str(failure))
        else:
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def _variable(name: str, value: str):
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
