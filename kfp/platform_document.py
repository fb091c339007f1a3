"""The package's second document: what Kubernetes gives to each step.

Kubeflow reads it by executor label, and an unknown field fails the upload. The fields are
declared once, for writing the document and for checking it. `enabledSharedMemory` is left
out: the SDK writes it and the backend does not implement it; a mounted memory volume does
the same.
"""

from pydantic import ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from settings import mistakes
from settings.kubernetes import (
    LabelKey,
    LabelValue,
    MountPath,
    ObjectName,
    PullPolicy,
    Quantity,
    TaintEffect,
    TaintOperator,
    Variable,
)
from settings.section import Section


class _Fields(Section):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class _Constant(_Fields):
    constant: ObjectName


class _Name(_Fields):
    runtime_value: _Constant

    @classmethod
    def of_object(cls, name):
        return cls(runtime_value=_Constant(constant=name))


class _Labels(_Fields):
    labels: dict[LabelKey, LabelValue]


class _Toleration(_Fields):
    key: str | None = None
    operator: TaintOperator | None = None
    value: str | None = None
    effect: TaintEffect | None = None
    toleration_seconds: int | None = None


class _Claim(_Fields):
    mount_path: MountPath
    pvc_name_parameter: _Name


class _SecretKey(_Fields):
    secret_key: str
    env_var: Variable


class _Secret(_Fields):
    secret_name_parameter: _Name
    key_to_env: list[_SecretKey]
    optional: bool | None = None


class _Folder(_Fields):
    volume_name: str
    mount_path: MountPath
    medium: str | None = None
    size_limit: Quantity | None = None


class _Executor(_Fields):
    image_pull_policy: PullPolicy | None = None
    node_selector: _Labels | None = None
    tolerations: list[_Toleration] = []
    pvc_mount: list[_Claim] = []
    secret_as_env: list[_Secret] = []
    empty_dir_mounts: list[_Folder] = []


def platform_document(steps):
    """The document, or None where no step needs one.

    Args:
      steps: {executor label: settings.kubernetes.Step}.
    """
    executors = {label: _executor(step) for label, step in steps.items()}
    executors = {label: fields for label, fields in executors.items() if fields}
    if not executors:
        return None
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def check_platform(document, executors):
    """Yields what the backend would refuse in the platform document.

    Args:
      document: {"platforms": {"kubernetes": …}}.
      executors: the executors of the pipeline spec, by label.
    """
    if set(document) != {"platforms"} or set(document["platforms"]) != {"kubernetes"}:
        yield "platform: the backend reads platforms.kubernetes and nothing else"
        return
    kubernetes = document["platforms"]["kubernetes"]
    for label, fields in kubernetes.get("deploymentSpec", {}).get("executors", {}).items():
        if label not in executors:
            yield f"platform: {label} is not an executor of the pipeline"
        try:
            yield from _check_claims(label, _Executor.model_validate(fields).pvc_mount)
        except ValidationError as error:
            for line in mistakes.lines(error, _Executor):
                yield f"platform: {label}: {line}"


def _check_claims(label, mounts):
    """The driver names a pod's volume after its claim."""
    claims = [mount.pvc_name_parameter.runtime_value.constant for mount in mounts]
    for claim in sorted({claim for claim in claims if claims.count(claim) > 1}):
        yield (
            f"platform: {label}: the claim {claim} is mounted at two paths, which the backend "
            "cannot; mount it at one"
        )


def _executor(step):
    memory = step.shared_memory
    executor = _Executor(
        image_pull_policy=step.pull_policy,
        node_selector=_Labels(labels=step.node_selector) if step.node_selector else None,
        tolerations=[_Toleration(**toleration.model_dump()) for toleration in step.tolerations],
        pvc_mount=[
            _Claim(mount_path=one.mount_path, pvc_name_parameter=_Name.of_object(one.claim))
            for one in step.volumes
        ],
        secret_as_env=[
            _Secret(
                secret_name_parameter=_Name.of_object(one.secret),
                key_to_env=[_SecretKey(secret_key=one.key, env_var=one.variable)],
            )
            for one in step.secrets
        ],
        empty_dir_mounts=[
            _Folder(volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit=memory)
        ]
        if memory
        else [],
    )
    return executor.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
