"""What Kubernetes is asked for with `kubeflow.trial_pods`: a Job that runs a search's trials."""

from collections.abc import Mapping

from components.tuner.starts import MOST_LOST
from files.strict_json import text_of
from kfp import indexed_job
from kfp.entrypoint import TRIALS
from settings.kubeflow import Kubeflow
from settings.tuner import Tuner

STEP = "Tuner"


def template(
    kubeflow: Kubeflow, tuner: Tuner, restarts: int, image: str, environment: Mapping[str, str]
) -> dict[str, dict]:
    """{"job": …}, complete but for what `named` adds.

    Args:
      restarts: how often a pod may be lost beyond what trials may cost.
      image: with a tag.
      environment: of every step; the step's own variables are added.

    Raises:
      ConfigurationError: the search and its runners would have no folder in common.
    """
    step = kubeflow.step(STEP)
    indexed_job.check_shared(kubeflow, {STEP: step}, "kubeflow.trial_pods")
    program = indexed_job.Program(image, ["python", "-m", "kfp.trial_pod"], environment)
    # Each trial may take its pod along before it counts as failed, and all trials the same one's.
    restarts += MOST_LOST * tuner.trials
    job = indexed_job.job_of(kubeflow, step, program, tuner.parallel_trials, restarts)
    return {"job": job}


def named(
    given: Mapping, name: str, folder: str, trials: str, owner: Mapping | None
) -> dict[str, dict]:
    """The template's Job with its name.

    Args:
      folder: the one that the step shares with the pods.
      trials: where the search leaves its trials.
      owner: the pod that it is deleted with; None for none.
    """
    return indexed_job.named(given, name, {"job": (name, [folder, trials])}, owner)


def variable(made: Mapping) -> dict[str, str]:
    """The environment variable that carries a template to its step."""
    return {TRIALS: text_of(made, sort_keys=True)}
