"""The workers of a training, as TF_CONFIG names them: written and read here, without TensorFlow."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from failures import Failure
from files.strict_json import text_of


class WorkerLost(Failure):
    """This worker is well, and another one is gone: all of them can start again.

    Whoever starts workers tells it from other failures by the process's exit code.
    """

    exit_code = 75  # sysexits.h: a temporary failure


class Place(NamedTuple):
    """This process among the workers that TF_CONFIG names."""

    number: int  # a chief, if there is one, is number 0, and writes the artifacts
    addresses: list[str]  # of all workers; [] without TF_CONFIG

    @property
    def workers(self) -> int:
        return max(1, len(self.addresses))

    @property
    def workers_here(self) -> int:
        """How many of them run on this one's host, including itself."""
        hosts = [address.rpartition(":")[0] for address in self.addresses]
        return hosts.count(hosts[self.number]) if hosts else 1


def tf_config(addresses: Sequence[str], number: int) -> str:
    """TF_CONFIG of the worker `number` among those at `addresses`, each a "host:port"."""
    task = {"type": "worker", "index": number}
    return text_of({"cluster": {"worker": list(addresses)}, "task": task})


def place(environment: Mapping[str, str]) -> Place:
    """What TF_CONFIG in the environment says; a Failure if it cannot be used."""
    given = environment.get("TF_CONFIG")
    if not given:
        return Place(0, [])
    try:
        content = json.loads(given)
        cluster = content.get("cluster", {})
        chiefs, workers = list(cluster.get("chief", [])), list(cluster.get("worker", []))
        task = content.get("task", {"type": "worker", "index": 0})
        number = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Failure(
            "Trainer: TF_CONFIG is not a JSON object with a cluster and a task. "
            "Correct it, or unset it to train in this process only."
        ) from error
    if task["type"] not in ("chief", "worker"):
        raise Failure(
            f"Trainer: TF_CONFIG gives this process the task {task['type']!r}. "
            "Allowed: chief, worker."
        )
    count = max(1, len(chiefs + workers))
    if not 0 <= number < count:
        raise Failure(
            f"Trainer: TF_CONFIG makes this process number {number} of {count}, counted from 0. "
            "Correct the index of its task, or the addresses of its cluster."
        )
    return Place(number, chiefs + workers)
