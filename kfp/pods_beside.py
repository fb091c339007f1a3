"""Pods that are there for as long as a step works in its own."""

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from failures import Failure
from kfp import shared_folder

_LOOK_EVERY = 5.0  # seconds
_LONGEST_LOOK = 60.0  # seconds
_log = logging.getLogger(__name__)


@dataclasses.dataclass
class Watched:
    """What the last look at each Job found, by its name."""

    failures: dict[str, Failure | None] = dataclasses.field(default_factory=dict)
    suspended: dict[str, bool] = dataclasses.field(default_factory=dict)

    @property
    def failure(self) -> Failure | None:
        return next(filter(None, self.failures.values()), None)

    @property
    def waits_in_a_queue(self) -> bool:
        """Whether Kubernetes has still to make the pods of a Job."""
        return any(self.suspended.values())


@contextlib.contextmanager
def pods(
    objects: Mapping[str, dict],
    folder: Path,
    tell: Callable[[Failure | None], None] = lambda failure: None,
) -> Iterator[Watched]:
    """Runs Jobs on the cluster for the time of the `with`, and looks at them every few seconds.

    Args:
      objects: Jobs, and a Service or none, with their names.
      folder: the one that the step shares with the pods.
      tell: called after every look, with what is wrong.

    Raises:
      Failure: this is no pod, or the API refuses the step or stays away.
    """
    from kfp.worker_cluster import Cluster, names_of  # It imports Kubernetes' client.

    cluster, over = Cluster.of_this_pod(), threading.Event()
    jobs, found, said = names_of(objects, "Job"), Watched(), {}

    def look_at(job: str) -> str:
        try:
            state, found.failures[job] = cluster.look_at(job), None
        except Failure as failure:
            found.failures[job] = failure
            return str(failure)
        found.suspended[job] = bool(state and state.is_suspended)
        return f"the Job {job}: {state.words if state else 'has ended'}"

    def watch():
        while not over.wait(_LOOK_EVERY):
            for job in jobs:
                # Before each: the API may be away for almost as long as the pods wait for a word.
                shared_folder.still_here(folder)
                state = look_at(job)
                if state != said.get(job):
                    _log.info("%s", state)
                    said[job] = state
            tell(found.failure)

    watching = threading.Thread(target=watch, daemon=True)
    with cluster.created(objects):
        watching.start()
        try:
            yield found
        finally:
            over.set()
            watching.join(_LONGEST_LOOK)
