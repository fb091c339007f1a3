"""The `kubeflow:` section: what a step gets on a cluster, and where its things lie there.

Whatever is not given for one step in `steps` comes from `every_step`.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.schedule_configuration import KubeflowEndpoint
from pipeline.section import Section

# Kubernetes' own rules; the cluster would refuse the same, an hour later.
Quantity = Annotated[str, Field(pattern=r"^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
MountPath = Annotated[str, Field(pattern=r"^/[^:]+$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
BucketUri = Annotated[str, Field(pattern=r"^(minio|s3|gs)://[\w.-]+(/\S*)?$")]
Image = Annotated[str, Field(pattern=r"^[a-z0-9][\w.:/-]*(@sha256:[0-9a-f]{64})?$")]


class Volume(Section):
    claim: ObjectName = Field(description="a PersistentVolumeClaim in the run's namespace")
    mount_path: MountPath


class SecretVariable(Section):
    secret: ObjectName
    key: Annotated[str, Field(min_length=1)]
    variable: Variable = Field(description="the environment variable that gets the key's value")


class Toleration(Section):
    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None

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
    cpu_request: Quantity | None = None
    memory_request: Quantity | None = None
    gpu: Annotated[int, Field(ge=0, le=16)] = 0
    image: Image | None = Field(None, description="instead of the section's image")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    retry_after_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    cache: bool | None = Field(None, description="reuse an earlier result; none: as it deserves")
    node_selector: dict[str, str] = Field({})
    tolerations: list[Toleration] = Field([])
    volumes: list[Volume] = Field([])
    secrets: list[SecretVariable] = Field([])
    environment: dict[Variable, str] = Field({})
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
        description="the volume that models are pushed to; none: they go to an object store",
    )
    push_destination: Annotated[str, Field(pattern=r"^(/|(minio|s3|gs)://)\S+$")] | None = Field(
        None,
        description="instead of push.destination, an absolute path or an address; none: a folder "
        "of the pipeline's name in the volume `models`",
    )
    data_dir: Annotated[str, Field(pattern=r"^(/|gs://)\S+$")] | None = Field(
        None,
        description="instead of data.data_dir, as in a mounted volume's path; none: below work_dir",
    )
    work_dir: MountPath = Field(
        "/tmp/steadyfeed",
        description="checkpoints; on a volume, a training that was killed goes on",
    )
    gpu_resource: str = "nvidia.com/gpu"
    every_step: Step = Step()
    steps: dict[str, Step] = Field({}, description="by component id, as in Trainer")
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")], str] = Field(
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
