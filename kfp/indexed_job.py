"""Kubernetes' own objects for pods beside a step: Jobs of completion mode Indexed, and a Service.

They need no operator. Each pod has an index and a name that follows from it, so all of them know
where the others are. When the package is compiled, `job_of` and `headless_service` write the whole
of them; the step that runs them only names them.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

from failures import ConfigurationError, Failure
from kfp.reserved_gpus import variable as gpus_of
from settings.kubeflow import Kubeflow
from settings.kubernetes import Step

INDEX = "JOB_COMPLETION_INDEX"  # the variable in which Kubernetes gives each pod its index
QUEUE = "kueue.x-k8s.io/queue-name"
CONTAINER = "worker"
_LABEL = "app.kubernetes.io/instance"


@dataclasses.dataclass(frozen=True)
class Program:
    """What the pods of a Job run."""

    image: str  # with a tag
    command: Sequence[str]
    environment: Mapping[str, str]  # of every step; the step's own variables are added
    port: int | None = None  # to which each of them listens
    probes: Mapping[str, dict] = dataclasses.field(default_factory=dict)


def job_of(kubeflow: Kubeflow, step: Step, program: Program, count: int, restarts: int) -> dict:
    """A Job of `count` pods, complete but for what `named` adds.

    Args:
      step: what each pod gets of resources, volumes, secrets and variables, and where it runs.
      restarts: how often a pod may be lost; its own eviction does not count.
    """
    labels = {"app.kubernetes.io/name": "steadyfeed"}
    if kubeflow.worker_queue:
        labels[QUEUE] = kubeflow.worker_queue
    pod = {
        "metadata": {
            "labels": {"app.kubernetes.io/name": "steadyfeed"},
            # A sidecar would stand between the pods, and outlive them.
            "annotations": {"sidecar.istio.io/inject": "false"},
        },
        "spec": _pod(kubeflow, step, program),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": labels},
        "spec": {
            "completionMode": "Indexed",
            "completions": count,
            "parallelism": count,
            "backoffLimitPerIndex": restarts,
            "maxFailedIndexes": 0,
            "podFailurePolicy": {"rules": _rules()},
            "ttlSecondsAfterFinished": 86400,
            "template": pod,
        },
    }


def headless_service(port: int) -> dict:
    """A Service that gives each pod a name, complete but for what `named` adds."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"labels": {"app.kubernetes.io/name": "steadyfeed"}},
        "spec": {
            "clusterIP": "None",  # A name for each pod, and no address in front of them.
            "publishNotReadyAddresses": True,
            "ports": [{"name": "grpc", "port": port}],
        },
    }


def named(
    given: Mapping[str, dict],
    service: str,
    jobs: Mapping[str, tuple[str, Sequence[str]]],
    owner: Mapping | None,
) -> dict:
    """The objects with their names, and the arguments of the pods' programs.

    Args:
      given: {"service": a Service or none, part: a Job}.
      service: the Service's name, which the pods' labels carry.
      jobs: {part: (the Job's name, its pods' arguments)}.
      owner: the pod that all of them are deleted with; None for none.
    """
    made = copy.deepcopy(dict(given))
    for part, (name, arguments) in jobs.items():
        made[part]["metadata"]["name"] = name
        pod = made[part]["spec"]["template"]
        pod["metadata"]["labels"][_LABEL] = service
        pod["spec"]["subdomain"] = service
        pod["spec"]["containers"][0]["args"] = list(arguments)
    if "service" in made:
        made["service"]["metadata"]["name"] = service
        made["service"]["spec"]["selector"] = {_LABEL: service}
    for one in made.values():
        one["metadata"]["labels"][_LABEL] = service
        if owner:
            one["metadata"]["ownerReferences"] = [dict(owner)]
    return made


def pod_addresses(job: str, service: str, count: int, port: int) -> list[str]:
    """ "host:port" of every pod of a Job."""
    return [f"{job}-{number}.{service}:{port}" for number in range(count)]


def name_of(kind: str, identity: str) -> str:
    """A name that is the same for all attempts at a step of one run, which `identity` names."""
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return f"steadyfeed-{kind}-{digest}"  # With what follows it is a host's name: 63 at most.


def check_shared(kubeflow: Kubeflow, steps: Mapping[str, Step], key: str) -> None:
    """Refuses pods without a folder in common.

    Args:
      steps: whose pods these are, by name.
      key: what asks for the pods, in words.

    Raises:
      ConfigurationError: kubeflow.work_dir is on no volume of a step, or not the same folder of it.
    """
    places = {name: step.place_on_volume(kubeflow.work_dir) for name, step in steps.items()}
    without = [name for name, place in places.items() if place is None]
    if not without and len(set(places.values())) == 1:
        return
    wrong = (
        "where each pod has files of its own" if without else "which is another folder for each pod"
    )
    lists = " and ".join(f"kubeflow.steps.{name}.volumes" for name in without[:1] or steps)
    mount = "mounts" if without else "mount at the same place"
    raise ConfigurationError(
        f"kubeflow.work_dir: given {kubeflow.work_dir!r}, {wrong}; allowed with {key}: a "
        f"folder of a volume that {lists} {mount} and all nodes can write to (ReadWriteMany)"
    )


def waiting(kubeflow: Kubeflow, step: Step, *also: str) -> Step:
    """What a step itself gets, which creates the Job and waits: its files and code, and no GPU.

    Args:
      also: further fields of `step` that its own pod keeps.
    """
    kept = ("image", "pull_policy", "volumes", "retries", "retry_after_seconds", "cache", *also)
    return kubeflow.every_step.model_copy(update={name: getattr(step, name) for name in kept})


def _rules() -> list[dict]:
    """Which ends of a pod count: the first rule that fits."""
    moved = {"type": "DisruptionTarget", "status": "True"}  # evicted, preempted, a lost node
    evicted = {"action": "Ignore", "onPodConditions": [moved]}
    mistake = {
        "action": "FailJob",
        "onExitCodes": {
            "containerName": CONTAINER,
            "operator": "In",
            "values": [Failure.exit_code],
        },
    }
    # All else counts as a restart: WorkerLost's exit code, a kill for its memory.
    return [evicted, mistake]


def _pod(kubeflow: Kubeflow, step: Step, program: Program) -> dict:
    container = {
        "name": CONTAINER,
        "image": program.image,
        "command": list(program.command),
        "env": _variables(step, program.environment),
        "resources": _resources(kubeflow, step),
        "volumeMounts": [
            {"name": f"volume-{number}", "mountPath": volume.mount_path}
            for number, volume in enumerate(step.volumes)
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        **program.probes,
    }
    if program.port:
        container["ports"] = [{"name": "grpc", "containerPort": program.port}]
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
        # A pod leaves nothing to be tidied up, and TensorFlow may ignore the request to end.
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


def _variables(step: Step, environment: Mapping[str, str]) -> list[dict]:
    plain = sorted((dict(environment) | gpus_of(step.gpu) | step.environment).items())
    secret = [
        {
            "name": one.variable,
            "valueFrom": {"secretKeyRef": {"name": one.secret, "key": one.key}},
        }
        for one in step.secrets
    ]
    return [{"name": name, "value": value} for name, value in plain] + secret


def _resources(kubeflow: Kubeflow, step: Step) -> dict:
    limits = {"cpu": step.cpu, "memory": step.memory}
    if step.gpu:
        limits[kubeflow.gpu_resource] = str(step.gpu)
    requests = {"cpu": step.cpu_request, "memory": step.memory_request}
    given = {"limits": limits, "requests": requests}
    kept = {kind: {k: v for k, v in of.items() if v is not None} for kind, of in given.items()}
    return {kind: of for kind, of in kept.items() if of}
