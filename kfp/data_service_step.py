"""A Trainer's step beside which other pods read and decode the training images.

The step trains in its own pod. The pods of its tf.data service open the files by the paths that the
training gives them, so its inputs go through the folder that all of them see.
"""

import contextlib
import json
import logging
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic, sleep

from components.child_environment import child_environment, project_on_path
from components.free_ports import free_ports
from failures import Failure
from files.strict_json import text_of
from kfp import shared_folder
from kfp.data_service_job import (
    DISPATCHER,
    PROCESS,
    WORKERS,
    Addresses,
    named,
    pod_addresses,
)
from kfp.entrypoint import run
from kfp.pods_beside import Watched, pods
from pipeline.data_service import answers
from pipeline.worker_processes import failure_of
from settings.section import put

_ASK_EVERY = 5.0  # seconds
_ANSWER_SECONDS = 2.0
_LONGEST_START = 1800.0  # seconds; a cluster may have to get a node first
_log = logging.getLogger(__name__)


def train_beside(executor, executor_input, inputs_spec, flags, template: Mapping) -> None:
    """Does what `entrypoint.run` does, with a tf.data service for the time of the training.

    Args:
      executor, executor_input, inputs_spec: as for `entrypoint.run`.
      template: of `data_service_job.template`.

    Raises:
      Failure: the training's own, the service does not begin, or Kubernetes refuses its pods.
    """
    name, folder, given = shared_folder.enter("data", executor_input)
    with shared_folder.ended_by_sigterm(), service(template, name, folder) as dispatcher:
        values = given["inputs"]["parameterValues"]
        training = json.loads(values["training"])
        put(training, "input.data_service", f"grpc://{dispatcher}")
        values["training"] = text_of(training, sort_keys=True)
        run(executor, given, inputs_spec, flags)
    shared_folder.remove(folder)


@contextlib.contextmanager
def service(template: Mapping, name: str, folder: Path) -> Iterator[str]:
    """The dispatcher's "host:port" of a service that is there for the time of the `with`.

    Args:
      folder: the one that the step shares with the pods.

    Raises:
      Failure: what the block raises, with the service's own error if it has one; the service does
        not begin in time, or Kubernetes refuses its pods.
    """
    count = template[WORKERS]["spec"]["completions"]
    roles = {DISPATCHER: 1, WORKERS: count}
    here = shared_folder.without_a_cluster()
    addresses = _addresses_here(count) if here else pod_addresses(name, count)
    # Of this attempt alone: one that was lost left a state that nobody needs.
    state = folder / f"state-{uuid.uuid4().hex}"
    for left in folder.glob("*/failure-*"):
        left.unlink()
    owner = None if here else shared_folder.this_pod()
    objects = named(template, name, str(folder), str(state), addresses, owner)
    try:
        with (_processes if here else pods)(objects, folder) as watched:
            try:
                _await(addresses, watched)
                yield addresses.dispatcher
            except Failure as failure:
                cause = _said(folder, roles) or watched.failure
                if cause is None or cause is failure:
                    raise
                raise Failure(f"{failure} (the data service: {cause})") from None
    finally:
        for role, several in roles.items():
            shared_folder.keep_logs(folder / role, role, several)


@contextlib.contextmanager
def _processes(objects: Mapping[str, dict], folder: Path) -> Iterator[Watched]:
    """Runs the Jobs' pods as processes of this machine, for `run-package`; none starts again."""
    with contextlib.ExitStack() as started:
        for job in (objects[DISPATCHER], objects[WORKERS]):
            [container] = job["spec"]["template"]["spec"]["containers"]
            _, *words = container["command"]
            for number in range(job["spec"]["completions"]):
                process = subprocess.Popen(
                    [sys.executable, *words, *container["args"]],
                    env=project_on_path(child_environment()) | {PROCESS: str(number)},
                    stdin=subprocess.PIPE,  # It closes with this process.
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                started.enter_context(process)
                started.callback(process.kill)
        yield Watched()


def _addresses_here(workers: int) -> Addresses:
    dispatcher, *others = (f"localhost:{port}" for port in free_ports(1 + workers))
    return Addresses(dispatcher, others)


def _await(addresses: Addresses, watched: Watched) -> None:
    """Waits until the service answers; workers that are late take part when they come.

    Raises:
      Failure: a Job failed, or half an hour after all Jobs have left their queue the dispatcher or
        all workers are missing.
    """
    until, silent = monotonic() + _LONGEST_START, [addresses.dispatcher, *addresses.workers]
    while silent and monotonic() < until:
        if answers(silent[0], _ANSWER_SECONDS):
            silent.pop(0)
            continue
        if watched.failure:
            raise watched.failure
        if watched.waits_in_a_queue:
            until = monotonic() + _LONGEST_START
        sleep(_ASK_EVERY)
    late = [address for address in silent if not answers(address, _ANSWER_SECONDS)]
    if addresses.dispatcher in late or len(late) == len(addresses.workers):
        raise Failure(
            f"kubeflow.data_service_workers: nothing answers at {late[0]} after "
            f"{_LONGEST_START:g} seconds. `kubectl describe pod {late[0].partition('.')[0]}` "
            "may say why."
        )
    if late:
        _log.warning("training begins without the data service at %s", ", ".join(late))


def _said(folder: Path, roles: Mapping[str, int]) -> str | None:
    """Why a pod could not begin, in its own words."""
    for role, count in roles.items():
        for number in range(count):
            said = failure_of(folder / role, number)
            if said.exists():
                return f"{said.read_text()} ({role} {number})"
    return None
