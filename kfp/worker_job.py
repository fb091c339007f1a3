"""What Kubernetes is asked for where `training.workers` is above 1: a Job and its Service."""

from collections.abc import Mapping, Sequence

from files.strict_json import text_of
from kfp import indexed_job
from kfp.entrypoint import WORKERS
from settings.kubeflow import Kubeflow
from settings.workers import Workers

STEP = "Trainer"
PORT = 2222


def template(
    kubeflow: Kubeflow, workers: Workers, image: str, environment: Mapping[str, str]
) -> dict:
    """{"service": …, "job": …}, complete but for what `named` adds.

    Args:
      image: with a tag.
      environment: of every step; the step's own variables are added.

    Raises:
      ConfigurationError: the workers would have no folder in common.
    """
    step = kubeflow.step(STEP)
    indexed_job.check_shared(kubeflow, {STEP: step}, "training.workers above 1")
    program = indexed_job.Program(image, ["python", "-m", "kfp.worker"], environment, PORT)
    job = indexed_job.job_of(kubeflow, step, program, workers.workers, workers.worker_restarts)
    return {"service": indexed_job.headless_service(PORT), "job": job}


def named(given: Mapping, name: str, folder: str, owner: Mapping | None) -> dict:
    """The template's objects with a name, which the Service, the Job and its pods share.

    Args:
      folder: the one in which `worker_step` hands over the work.
      owner: the pod that both are deleted with; None for none.
    """
    arguments = [folder, *_addresses(name, given["job"])]
    return indexed_job.named(given, name, {"job": (name, arguments)}, owner)


def addresses_of(job: Mapping) -> Sequence[str]:
    """ "host:port" of every worker of a named Job."""
    return _addresses(job["metadata"]["name"], job)


def _addresses(name: str, job: Mapping) -> Sequence[str]:
    return indexed_job.pod_addresses(name, name, job["spec"]["completions"], PORT)


def variable(made: Mapping) -> dict[str, str]:
    """The environment variable that carries a template to its step."""
    return {WORKERS: text_of(made, sort_keys=True)}
