"""What Kubernetes is asked for with `kubeflow.data_service_workers`: two Jobs and their Service.

The dispatcher is a Job of its own, as it takes a core at most and its workers take all they get.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from files.strict_json import text_of
from kfp import indexed_job
from kfp.entrypoint import DATA_SERVICE
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step

STEP = "DataService"  # by which kubeflow.steps names its pods
TRAINER = "Trainer"
DISPATCHER, WORKERS = "dispatcher", "workers"
PORT = 5050
PROCESS = "STEADYFEED_PROCESS"  # the variable in which a process of `run-package` has its number
_OF_THE_TRAINER = ("image", "pull_policy", "volumes", "secrets", "environment")
# TensorFlow alone takes half a GiB.
_DISPATCHERS = {"cpu": "1", "cpu_request": "250m", "memory": "2Gi", "memory_request": "1Gi"}


class Addresses(NamedTuple):
    """Where the processes of a service are, each as "host:port"."""

    dispatcher: str
    workers: Sequence[str]


def step_of(kubeflow: Kubeflow) -> Step:
    """What a worker's pod gets: the Trainer's files, and the resources and nodes of any step."""
    trainer = kubeflow.step(TRAINER)
    files = {name: getattr(trainer, name) for name in _OF_THE_TRAINER}
    base = kubeflow.every_step.model_copy(update=files)
    return kubeflow.steps.get(STEP, Step()).over(base)


def template(
    kubeflow: Kubeflow, restarts: int, image: str, environment: Mapping[str, str]
) -> dict[str, dict]:
    """{"service": …, "dispatcher": …, "workers": …}, complete but for what `named` adds.

    Args:
      restarts: how often a pod may be lost.
      image: with a tag.
      environment: of every step.

    Raises:
      ConfigurationError: the training and the service would have no folder in common.
    """
    step = step_of(kubeflow)
    both = {TRAINER: kubeflow.step(TRAINER), STEP: step}
    indexed_job.check_shared(kubeflow, both, "kubeflow.data_service_workers")
    command = ["python", "-m", "kfp.data_service_pod"]
    program = indexed_job.Program(image, command, environment, PORT, _probes())
    small = step.model_copy(update=_DISPATCHERS | {"gpu": 0})
    count = kubeflow.data_service_workers
    return {
        "service": indexed_job.headless_service(PORT),
        DISPATCHER: indexed_job.job_of(kubeflow, small, program, 1, restarts),
        WORKERS: indexed_job.job_of(kubeflow, step, program, count, restarts),
    }


def pod_addresses(name: str, workers: int) -> Addresses:
    """Those of the pods that `named` names."""
    [dispatcher] = indexed_job.pod_addresses(f"{name}-{DISPATCHER}", name, 1, PORT)
    return Addresses(
        dispatcher, indexed_job.pod_addresses(f"{name}-{WORKERS}", name, workers, PORT)
    )


def named(
    given: Mapping, name: str, folder: str, state: str, addresses: Addresses, owner: Mapping | None
) -> dict[str, dict]:
    """The template's objects with their names.

    Args:
      folder: the one that the step shares with the pods.
      state: the folder of what a restarted dispatcher has to know.
      owner: the pod that all of them are deleted with; None for none.
    """
    arguments = {
        DISPATCHER: [DISPATCHER, folder, addresses.dispatcher, state],
        WORKERS: [WORKERS, folder, addresses.dispatcher, *addresses.workers],
    }
    jobs = {part: (f"{name}-{part}", words) for part, words in arguments.items()}
    return indexed_job.named(given, name, jobs, owner)


def variable(made: Mapping) -> dict[str, str]:
    """The environment variable that carries a template to its step."""
    return {DATA_SERVICE: text_of(made, sort_keys=True)}


def _probes() -> dict[str, dict]:
    """How Kubernetes finds a pod that hangs; each process looks after itself as well."""
    check = ["python", "-m", "pipeline", "data-service", "check", f"localhost:{PORT}"]
    return {
        # A worker waits for its dispatcher, which may wait for a node or in a queue. How long is
        # up to the step.
        "startupProbe": {
            "tcpSocket": {"port": PORT},
            "periodSeconds": 5,
            "failureThreshold": 7 * 86400 // 5,
        },
        # It starts Python on cores that are busy decoding.
        "livenessProbe": {
            "exec": {"command": [*check, "--seconds", "30"]},
            "periodSeconds": 60,
            "timeoutSeconds": 60,
            "failureThreshold": 3,
        },
    }
