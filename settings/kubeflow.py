"""The `kubeflow:` section: what a step gets on a cluster, and where its things lie there.

Whatever is not given for one step in `steps` comes from `every_step`.
"""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from settings.schedule import KubeflowEndpoint
from settings.section import Form, Section

# Kubernetes' own rules; the cluster would refuse the same, an hour later.
Quantity = Annotated[
    str,
    AfterValidator(
        Form(
            r"^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$",
            "a number with a unit of Kubernetes, as in 500m or 4Gi",
        )
    ),
]
ObjectName = Annotated[
    str,
    AfterValidator(
        Form(
            r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
            "a Kubernetes name: lower-case letters, digits, hyphens and dots",
        )
    ),
]
MountPath = Annotated[str, AfterValidator(Form(r"^/[^:]+$", "an absolute path without a colon"))]
Variable = Annotated[str, AfterValidator(Form(r"^[A-Za-z_]\w*$", "an environment variable's name"))]
BucketUri = Annotated[
    str,
    AfterValidator(
        Form(r"^(minio|s3|gs)://[\w.-]+(/\S*)?$", "minio://, s3:// or gs:// with a bucket")
    ),
]
Image = Annotated[
    str,
    AfterValidator(
        Form(
            r"^[a-z0-9][\w.:/-]*(@sha256:[0-9a-f]{64})?$",
            "an image's name, with or without a tag or a digest",
        )
    ),
]


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
    key: str | None = Field(None, description="the taint's; none: every taint")
    operator: Literal["Exists", "Equal"] = Field(
        "Exists", description="whether the taint's value counts"
    )
    value: str | None = Field(None, description="the taint's, with operator Equal")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="the taint's; none: each"
    )

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
    cpu_request: Quantity | None = Field(None, description="cores that it is sure to get")
    memory_request: Quantity | None = Field(None, description="memory that it is sure to get")
    gpu: Annotated[int, Field(ge=0, le=16)] = Field(0, description="of the kind gpu_resource")
    image: Image | None = Field(None, description="instead of the section's image")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        None, description="when the image is fetched; none: the cluster's own"
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="further attempts of a step that failed"
    )
    retry_after_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        30, description="before a further attempt"
    )
    cache: bool | None = Field(None, description="reuse an earlier result; none: as it deserves")
    node_selector: dict[str, str] = Field({}, description="labels that its node must have")
    tolerations: list[Toleration] = Field([], description="taints of a node that it bears")
    volumes: list[Volume] = Field([], description="claims that it has mounted")
    secrets: list[SecretVariable] = Field([], description="values of secrets that it gets")
    environment: dict[Variable, str] = Field({}, description="variables that it gets")
    shared_memory: Quantity | None = Field(None, description="size of /dev/shm, as in 2Gi")

    @field_validator("volumes")
    @classmethod
    def _are_mounted_apart(cls, volumes):
        paths = [volume.mount_path.rstrip("/") for volume in volumes]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"two volumes at {path}; allowed: one volume a mount path")
        return volumes

    def over(self, base: "Step") -> "Step":
        """This step, with what it leaves out taken from `base`."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return base.model_copy(update=given)


class Kubeflow(KubeflowEndpoint):
    image: Image = Field(
        "steadyfeed", description="without a tag, it gets one that names the code's content"
    )
    pipeline_root: BucketUri | None = Field(
        None, description="where artifacts go; none: the cluster's default"
    )
    models: Volume | None = Field(
        Volume(claim="steadyfeed-models", mount_path="/models"),
        description="the volume that models are pushed to; none: they go to push_destination",
    )
    push_destination: (
        Annotated[
            str,
            AfterValidator(
                # TensorFlow in a step opens these; minio:// and s3:// it does not know.
                Form(r"^(/|gs://)\S+$", "an absolute path, or a gs:// address")
            ),
        ]
        | None
    ) = Field(
        None,
        description="instead of push.destination, an absolute path or an address; none: a folder "
        "of the pipeline's name in the volume `models`",
    )
    data_dir: (
        Annotated[
            str, AfterValidator(Form(r"^(/|gs://)\S+$", "an absolute path or a gs:// address"))
        ]
        | None
    ) = Field(
        None,
        description="instead of data.data_dir, as in a mounted volume's path; none: below work_dir",
    )
    work_dir: MountPath = Field(
        "/tmp/steadyfeed",
        description="checkpoints; on a volume, a training that was killed goes on",
    )
    gpu_resource: str = Field("nvidia.com/gpu", description="what the cluster calls a GPU")
    every_step: Step = Step()
    steps: dict[str, Step] = Field({}, description="by component id, as in Trainer")
    parameters: dict[
        Annotated[
            str,
            AfterValidator(
                Form(
                    r"^[a-z][a-z0-9_]{0,62}$",
                    "lower-case letters, digits and underscores, the first one a letter",
                )
            ),
        ],
        str,
    ] = Field(
        {
            "dataset": "data.dataset",
            "epochs": "training.epochs",
            "learning_rate": "training.learning_rate",
        },
        description="what a run may be given: its name, and the configuration key it replaces",
    )

    @model_validator(mode="after")
    def _pushes_somewhere(self):
        if self.models is None and self.push_destination is None:
            raise ValueError("models or push_destination is needed")
        return self

    @model_validator(mode="after")
    def _requests_fit(self):
        # Kubernetes makes no pod of such a step, and says so when its turn has come.
        named = {f"steps.{name}": self.step(name) for name in self.steps}
        for place, step in {"every_step": self.every_step, **named}.items():
            for limit in ("cpu", "memory"):
                most, asked = getattr(step, limit), getattr(step, f"{limit}_request")
                if most and asked and _amount(asked) > _amount(most):
                    raise ValueError(
                        f"{place}: {limit}_request {asked} is above {limit} {most}; allowed: at "
                        "most the limit"
                    )
        return self

    @field_validator("image")
    @classmethod
    def _is_no_moving_tag(cls, image):
        # Kubeflow's cache knows an image by its name alone: new code under an old
        # name would be answered with the old code's results.
        if image.endswith(":latest"):
            raise ValueError("allowed: no tag, a tag that names a version, or a digest")
        return image

    @field_validator("every_step")
    @classmethod
    def _asks_for_no_gpu(cls, step):
        if step.gpu:
            raise ValueError("a GPU for every step; allowed: steps.Trainer.gpu")
        return step

    def step(self, component: str) -> Step:
        """What the step of this component id gets."""
        return self.steps.get(component, Step()).over(self.every_step)
