"""What one step gets from Kubernetes, in the forms that Kubernetes takes."""

import re
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from settings.plain_paths import NO_NAME, NOT_PLAIN
from settings.section import Form, Section, matching

Quantity = matching(
    r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?", "a number with a unit of Kubernetes, as in 500m or 4Gi"
)
ObjectName = matching(
    r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?",
    "a Kubernetes name: lower-case letters, digits, hyphens and dots",
)
LabelKey = matching(
    r"([a-z0-9.-]+/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?", "a Kubernetes label's key"
)
LabelValue = matching(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?", "a Kubernetes label's value")
MountPath = matching(
    rf"{NO_NAME}/[^:{NOT_PLAIN}]+",
    r"an absolute path without a colon, * ? [ ] { } \ $NAME or line breaks",
)


class _Variable(Form):
    """A variable that a step may be given: Kubeflow's own tell its launcher which pod it is in."""

    _OF_KUBEFLOW = ("KFP_POD_NAME", "KFP_POD_UID", "KFP_RETRY_INDEX", "NAMESPACE")

    def __call__(self, given: str) -> str:
        super().__call__(given)
        if given in self._OF_KUBEFLOW:
            raise ValueError(f"{given} is Kubeflow's own; allowed: another name")
        return given


class _PlainVariable(_Variable):
    """A variable that a package may hold, which many can read."""

    _SECRET = re.compile(r"ACCESS_KEY|(^|_)(PASSWORD|SECRET|TOKEN)(_|$)", re.IGNORECASE)

    def __call__(self, given: str) -> str:
        super().__call__(given)
        if self._SECRET.search(given):
            raise ValueError(
                f"allowed: a Kubernetes secret, as in secrets: [{{secret: bucket, key: key, "
                f"variable: {given}}}]"
            )
        return given


_NAME = (r"[A-Za-z_]\w*", "an environment variable's name")
Variable = Annotated[str, AfterValidator(_Variable(*_NAME))]
PlainVariable = Annotated[str, AfterValidator(_PlainVariable(*_NAME))]
Image = matching(
    r"[a-z0-9][\w.:/-]*(@sha256:[0-9a-f]{64})?",
    "an image's name, with or without a tag or a digest",
)
PullPolicy = Literal["Always", "IfNotPresent", "Never"]
TaintOperator = Literal["Exists", "Equal"]
TaintEffect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

_UNITS = {"m": Fraction(1, 1000), "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}i": 2 ** (10 * power) for power, unit in enumerate("KMGT", 1)}


def _amount(quantity):
    number = quantity.rstrip("mkKMGTi")
    return Fraction(number) * _UNITS[quantity[len(number) :]]


class Volume(Section):
    claim: ObjectName = Field(description="a PersistentVolumeClaim in the run's namespace")
    mount_path: MountPath = Field(description="where a step finds it")


class SecretVariable(Section):
    secret: ObjectName = Field(description="a Secret in the run's namespace")
    key: Annotated[str, Field(min_length=1)] = Field(description="of the secret")
    variable: Variable = Field(description="the environment variable that gets the key's value")


class Toleration(Section):
    key: str | None = Field(None, description="the taint's key; omit for every taint")
    operator: TaintOperator = Field("Exists", description="whether the taint's value counts")
    value: str | None = Field(None, description="the taint's value, with operator Equal")
    effect: TaintEffect | None = Field(None, description="the taint's effect; omit for every one")

    @model_validator(mode="after")
    def _is_complete(self):
        if self.operator == "Equal" and (self.key is None or self.value is None):
            raise ValueError("operator Equal needs key and value")
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("operator Exists takes no value")
        return self


class Step(Section):
    """What one step gets; a field left out is the one of `every_step`."""

    cpu: Quantity | None = Field(None, description="limit, in cores, as in '2' or '500m'")
    memory: Quantity | None = Field(None, description="limit, in bytes, as in 4Gi")
    cpu_request: Quantity | None = Field(None, description="cores reserved for it")
    memory_request: Quantity | None = Field(None, description="memory reserved for it")
    gpu: Annotated[int, Field(ge=0, le=16)] = Field(
        0, description="GPUs, of gpu_resource; not in every_step"
    )
    image: Image | None = Field(None, description="instead of the section's image")
    pull_policy: PullPolicy | None = Field(
        None, description="when to fetch the image; omit for the cluster's own policy"
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="further attempts after a failure or an eviction"
    )
    retry_after_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        30, description="seconds before the first further attempt, doubled for each later one"
    )
    cache: bool | None = Field(
        None,
        description="reuse an earlier result; by default results are reused, except in steps whose "
        "inputs can change unnoticed (an ExampleGen reuses its result while its data's fingerprint "
        "is the same); true is not allowed in every_step",
    )
    node_selector: dict[LabelKey, LabelValue] = Field({}, description="labels its node must have")
    tolerations: list[Toleration] = Field([], description="taints of a node that it tolerates")
    volumes: list[Volume] = Field([], description="claims to mount")
    secrets: list[SecretVariable] = Field([], description="values of secrets, as variables")
    environment: dict[PlainVariable, str] = Field({}, description="environment variables")
    shared_memory: Quantity | None = Field(None, description="size of /dev/shm, as in 2Gi")

    @field_validator("volumes")
    @classmethod
    def _are_mounted_apart(cls, volumes):
        paths = [volume.mount_path.rstrip("/") for volume in volumes]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"two volumes at {path}; allowed: one volume for a mount path")
        claims = [volume.claim for volume in volumes]
        for claim in claims:
            if claims.count(claim) > 1:
                raise ValueError(f"claim {claim} at two paths; allowed: one mount path for a claim")
        return volumes

    def over(self, base: "Step") -> "Step":
        """This step, with what it leaves out taken from `base`."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return base.model_copy(update=given)

    def place_on_volume(self, path: str) -> tuple[str, PurePosixPath] | None:
        """(the claim that an absolute path is on, the path in it); None for the pod's own disk."""
        whole = PurePosixPath(path)
        places = [
            (volume.claim, whole.relative_to(volume.mount_path))
            for volume in self.volumes
            if whole.is_relative_to(volume.mount_path)
        ]
        return min(places, key=lambda place: len(place[1].parts), default=None)

    def request_above_limit(self) -> str | None:
        """Which request is above its limit, in words: Kubernetes makes no pod of such a step."""
        for limit in ("cpu", "memory"):
            most, asked = getattr(self, limit), getattr(self, f"{limit}_request")
            if most and asked and _amount(asked) > _amount(most):
                return (
                    f"{limit}_request {asked} is above {limit} {most}; allowed: at most the limit"
                )
        return None
