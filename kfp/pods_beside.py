"""Pods that are there for as long as a step works in its own."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from failures import Failure
from kfp import shared_folder

_LOOK_EVERY = 5.0  # seconds
_LONGEST_LOOK = 60.0  # seconds
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def pods(
    objects: Mapping[str, dict],
    folder: Path,
    tell: Callable[[Failure | None], None] = lambda failure: None,
) -> Iterator[Callable[[], Failure | None]]:
    """Runs Jobs on the cluster for the time of the `with`; gives a function: what is wrong now.

    Args:
      objects: Jobs, and a Service or none, with their names.
      folder: the one that the step shares with the pods.
      tell: called after every look, with what is wrong.

    Raises:
      Failure: this is no pod, or the API refuses the step or stays away.
    """
    from kfp.worker_cluster import Cluster, names_of  # It imports Kubernetes' client.

    cluster, over = Cluster.of_this_pod(), threading.Event()
    found, said = dict.fromkeys(names_of(objects, "Job")), {}

    def wrong() -> Failure | None:
        return next(filter(None, found.values()), None)

    def watch():
        while not over.wait(_LOOK_EVERY):
            shared_folder.still_here(folder)
            for job in found:
                try:
                    state, found[job] = f"the Job {job}: {cluster.look_at(job)}", None
                except Failure as failure:
                    state, found[job] = str(failure), failure
                if state != said.get(job):
                    _log.info("%s", state)
                    said[job] = state
            tell(wrong())

    watching = threading.Thread(target=watch, daemon=True)
    with cluster.created(objects):
        watching.start()
        try:
            yield wrong
        finally:
            over.set()
            watching.join(_LONGEST_LOOK)
