"""What Kubernetes is asked for where `training.workers` is above 1: a Job and its Service.

The Job is Kubernetes' own, of completion mode Indexed, and needs no operator. Each pod has an
index and a name that follows from it, so all of them know where the others are. When the package
is compiled, `template` writes the whole of both; the step that runs them only names them.
"""

import copy
import hashlib
from collections.abc import Mapping, Sequence

from failures import ConfigurationError, Failure
from files.strict_json import text_of
from kfp.entrypoint import WORKERS
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step
from settings.workers import Workers

STEP = "Trainer"
PORT = 2222
_CONTAINER = "worker"
_LABEL = "app.kubernetes.io/instance"
QUEUE = "kueue.x-k8s.io/queue-name"


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
    _check_shared(kubeflow, step)
    pod = {
        "metadata": {
            "labels": {"app.kubernetes.io/name": "steadyfeed"},
            # A sidecar would stand between the workers, and outlive them.
            "annotations": {"sidecar.istio.io/inject": "false"},
        },
        "spec": _pod(kubeflow, step, image, environment),
    }
    labels = {"app.kubernetes.io/name": "steadyfeed"}
    if kubeflow.worker_queue:
        labels[QUEUE] = kubeflow.worker_queue
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": labels},
        "spec": {
            "completionMode": "Indexed",
            "completions": workers.workers,
            "parallelism": workers.workers,
            "backoffLimitPerIndex": workers.worker_restarts,
            "maxFailedIndexes": 0,
            "podFailurePolicy": {"rules": _rules()},
            "ttlSecondsAfterFinished": 86400,
            "template": pod,
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"labels": {"app.kubernetes.io/name": "steadyfeed"}},
        "spec": {
            "clusterIP": "None",  # A name for each pod, and no address in front of them.
            "publishNotReadyAddresses": True,
            "ports": [{"name": "grpc", "port": PORT}],
        },
    }
    return {"service": service, "job": job}


def named(given: Mapping, name: str, folder: str, owner: Mapping | None) -> dict:
    """The template's objects with a name, which the Service, the Job and its pods share.

    Args:
      folder: the one in which `worker_step` hands over the work.
      owner: the pod that both are deleted with; None for none.
    """
    made = copy.deepcopy(dict(given))
    for one in made.values():
        one["metadata"]["name"] = name
        one["metadata"]["labels"][_LABEL] = name
        if owner:
            one["metadata"]["ownerReferences"] = [dict(owner)]
    made["service"]["spec"]["selector"] = {_LABEL: name}
    pod = made["job"]["spec"]["template"]
    pod["metadata"]["labels"][_LABEL] = name
    pod["spec"]["subdomain"] = name
    pod["spec"]["containers"][0]["args"] = [folder, *addresses_of(made["job"])]
    return made


def addresses_of(job: Mapping) -> Sequence[str]:
    """ "host:port" of every worker of a named Job."""
    name = job["metadata"]["name"]
    return [f"{name}-{number}.{name}:{PORT}" for number in range(job["spec"]["completions"])]


def name_of(identity: str) -> str:
    """A name that is the same for all attempts at a step of one run, which `identity` names."""
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return f"steadyfeed-workers-{digest}"  # With an index it is a host's name: 63 at most.


def waiting(kubeflow: Kubeflow, step: Step) -> Step:
    """What the step itself gets, which creates the Job and waits: its files, and no GPU."""
    kept = ("volumes", "retries", "retry_after_seconds", "cache")
    return kubeflow.every_step.model_copy(update={name: getattr(step, name) for name in kept})


def _check_shared(kubeflow: Kubeflow, step: Step) -> None:
    for volume in step.volumes:
        if f"{kubeflow.work_dir}/".startswith(f"{volume.mount_path.rstrip('/')}/"):
            return
    raise ConfigurationError(
        f"kubeflow.work_dir: given {kubeflow.work_dir!r}, where each pod has files of its own; "
        "allowed with training.workers above 1: a folder of a volume that "
        f"kubeflow.steps.{STEP}.volumes mounts and all nodes can write to (ReadWriteMany)"
    )


def _rules() -> list[dict]:
    """Which ends of a pod count: the first rule that fits."""
    moved = {"type": "DisruptionTarget", "status": "True"}  # evicted, preempted, a lost node
    evicted = {"action": "Ignore", "onPodConditions": [moved]}
    mistake = {
        "action": "FailJob",
        "onExitCodes": {
            "containerName": _CONTAINER,
            "operator": "In",
            "values": [Failure.exit_code],
        },
    }
    # All else counts as a restart: WorkerLost's exit code, a kill for its memory.
    return [evicted, mistake]


def _pod(kubeflow: Kubeflow, step: Step, image: str, environment: Mapping[str, str]) -> dict:
    variables = dict(sorted((dict(environment) | step.environment).items()))
    container = {
        "name": _CONTAINER,
        "image": image,
        "command": ["python", "-m", "kfp.worker"],
        "env": [{"name": name, "value": value} for name, value in variables.items()]
        + [
            {
                "name": one.variable,
                "valueFrom": {"secretKeyRef": {"name": one.secret, "key": one.key}},
            }
            for one in step.secrets
        ],
        "ports": [{"name": "grpc", "containerPort": PORT}],
        "resources": _resources(kubeflow, step),
        "volumeMounts": [
            {"name": f"volume-{number}", "mountPath": volume.mount_path}
            for number, volume in enumerate(step.volumes)
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    volumes = [
        {"name": f"volume-{number}", "persistentVolumeClaim": {"claimName": volume.claim}}
        for number, volume in enumerate(step.volumes)
    ]
    if step.shared_memory:
        memory = {"medium": "Memory", "sizeLimit": step.shared_memory}
        volumes.append({"name": "shm", "emptyDir": memory})
        container["volumeMounts"].append({"name": "shm", "mountPath": "/dev/shm"})
    if step.pull_policy:
        container["imagePullPolicy"] = step.pull_policy
    pod = {
        "restartPolicy": "Never",  # A new pod, wherever there is room, and not this one again.
        "automountServiceAccountToken": False,
        # A worker leaves nothing to be tidied up, and TensorFlow may ignore the request to end.
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }
    if kubeflow.service_account:
        pod["serviceAccountName"] = kubeflow.service_account
    if step.node_selector:
        pod["nodeSelector"] = dict(step.node_selector)
    if step.tolerations:
        pod["tolerations"] = [one.model_dump(exclude_none=True) for one in step.tolerations]
    return pod


def _resources(kubeflow: Kubeflow, step: Step) -> dict:
    limits = {"cpu": step.cpu, "memory": step.memory}
    if step.gpu:
        limits[kubeflow.gpu_resource] = str(step.gpu)
    requests = {"cpu": step.cpu_request, "memory": step.memory_request}
    given = {"limits": limits, "requests": requests}
    kept = {kind: {k: v for k, v in of.items() if v is not None} for kind, of in given.items()}
    return {kind: of for kind, of in kept.items() if of}


def variable(made: Mapping) -> dict[str, str]:
    """The environment variable that carries a template to its step."""
    return {WORKERS: text_of(made, sort_keys=True)}
