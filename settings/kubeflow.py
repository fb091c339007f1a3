"""The `kubeflow:` section: the server, what a step gets there, and where its files are."""

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from settings.buckets import IN_WORDS
from settings.kubernetes import Image, MountPath, ObjectName, Step, Variable, Volume
from settings.plain_paths import NO_NAME, NOT_PLAIN
from settings.section import Section, matching
from settings.spans import PatternForm

DATA_FINGERPRINT = "DataFingerprint"  # the step before the ExampleGen
_NAME = "a Kubernetes name: lower-case letters, digits and hyphens"
Url = matching(r"https?://[^\s@]+", "an http or https URL without a password")
Path = Annotated[str, Field(min_length=1)]
Namespace = matching(r"[a-z0-9][a-z0-9-]{0,62}", _NAME)
ServiceAccount = matching(r"[a-z0-9][a-z0-9.-]{0,252}", f"{_NAME}, and dots")
BucketUri = matching(r"(minio|s3|gs)://[\w.-]+(/\S*)?", "minio://, s3:// or gs:// with a bucket")
# Steps open these by themselves; minio:// is the launcher's alone.
_PLACE = rf"{NO_NAME}(/|gs://|s3://)[^\s{NOT_PLAIN}]+"
_IN_WORDS = f"an absolute path, or {IN_WORDS}"
_WITHOUT = r"without * ? [ ] { } \ $NAME or spaces"
Place = matching(_PLACE, f"{_IN_WORDS}, {_WITHOUT}")
_OR_SPANS = f"{_IN_WORDS}, or a pattern such as /data/span-{{SPAN}}, {_WITHOUT}"
DataPlace = Annotated[str, AfterValidator(PatternForm(_PLACE, _OR_SPANS))]
ParameterName = matching(
    r"[a-z][a-z0-9_]{0,62}",
    "lower-case letters, digits and underscores, the first one a letter",
)


class Kubeflow(Section):
    """Where the server is, how to sign in, and what it runs. Secrets are never in the file."""

    endpoint: Url | None = Field(
        None,
        description="URL of the API, without a password; omit for KF_PIPELINES_ENDPOINT, else "
        "the cluster that the command runs in",
    )
    ui_endpoint: Url | None = Field(
        None, description="URL for links; omit for KF_PIPELINES_UI_ENDPOINT, else endpoint"
    )
    namespace: Namespace | None = Field(
        None, description="on a Kubeflow with several users; omit for KFP_NAMESPACE, else the pod's"
    )
    experiment: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="lists the runs; omit for the pipeline's name"
    )
    token_variable: Variable = Field(
        "KFP_EXISTING_TOKEN", description="the environment variable that holds a token"
    )
    token_file: Path | None = Field(
        None,
        description="a file that holds a token, read for every call; omit for "
        "KF_PIPELINES_SA_TOKEN_PATH, if that is set",
    )
    ca_file: Path | None = Field(None, description="certificates to check the server's against")
    service_account: ServiceAccount | None = Field(
        None, description="of the run's pods; omit for the cluster's default"
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        60.0, description="longest wait for one call to the server"
    )
    image: Image = Field(
        "steadyfeed",
        description="without a tag, it gets one that names the code's content, and -gpu behind it "
        "in steps with a GPU; with a tag, it is taken as it stands",
    )
    pipeline_root: BucketUri | None = Field(
        None, description="where artifacts go, below the cluster's default; omit for that"
    )
    models: Volume | None = Field(
        Volume(claim="steadyfeed-models", mount_path="/models"),
        description="the volume that models are pushed to; null to use push_destination alone",
    )
    push_destination: Place | None = Field(
        None,
        description="instead of push.destination, an address, or a path on a volume of "
        "ChampionResolver and Pusher; omit for that one, if it is in a bucket, else for a folder "
        "with the pipeline's name in the volume `models`",
    )
    data_dir: DataPlace | None = Field(
        None,
        description="instead of data.data_dir or data.path, a mounted volume's path or an address; "
        "omit for that one, if it is in a bucket, else for a folder below work_dir, which serves "
        "TFDS alone",
    )
    work_dir: MountPath = Field(
        "/tmp/steadyfeed",
        description="checkpoints; on a volume, a killed training continues from them",
    )
    gpu_resource: str = Field("nvidia.com/gpu", description="the cluster's name for a GPU")
    worker_queue: ObjectName | None = Field(
        None,
        description="Kueue's LocalQueue in which the Jobs of training.workers, "
        "data_service_workers and trial_pods wait; omit for none",
    )
    data_service_workers: Annotated[int, Field(ge=0, le=256)] = Field(
        0,
        description="pods of a tf.data service that read and decode the training images, made for "
        "the time of the training, for streaming alone: what a lost one had is left out of the "
        "epoch",
    )
    trial_pods: bool = Field(
        False,
        description="a pod for each of the tuner.parallel_trials that run at a time, if more than "
        "one, with what steps.Tuner gives; else they are processes of the Tuner's own pod",
    )
    every_step: Step = Step()
    steps: dict[str, Step] = Field({}, description="by component id, as in Trainer")
    parameters: dict[ParameterName, str] = Field(
        {
            "dataset": "data.dataset",
            "epochs": "training.epochs",
            "learning_rate": "training.learning_rate",
        },
        description="values that a run can replace: a name, and the configuration key, which "
        "tuner.search_space must not try",
    )

    @model_validator(mode="after")
    def _pushes_somewhere(self):
        if self.models is None and self.push_destination is None:
            raise ValueError("models or push_destination is needed")
        return self

    @model_validator(mode="after")
    def _requests_fit(self):
        # What DataFingerprint leaves out depends on the data: the whole configuration checks it.
        given = self.steps.keys() - {DATA_FINGERPRINT}
        named = {f"steps.{name}": self.step(name) for name in sorted(given)}
        for place, step in {"every_step": self.every_step, **named}.items():
            mistake = step.request_above_limit()
            if mistake:
                raise ValueError(f"{place}: {mistake}")
        return self

    @field_validator("image")
    @classmethod
    def _is_no_moving_tag(cls, image):
        # Kubeflow's cache knows an image by its name alone: it would answer new code under
        # an old name with the old code's results.
        if image.endswith(":latest"):
            raise ValueError("allowed: no tag, a tag that names a version, or a digest")
        return image

    @field_validator("every_step")
    @classmethod
    def _asks_for_no_gpu(cls, step):
        if step.gpu:
            raise ValueError("a GPU for every step; allowed: steps.Trainer.gpu")
        return step

    @field_validator("every_step")
    @classmethod
    def _keeps_no_champion(cls, step):
        if step.cache:
            raise ValueError(
                "cache: true would answer which model is in service and what the data is from the "
                "first run; allowed: false, or steps.<component>.cache"
            )
        return step

    def step(self, component: str) -> Step:
        """What the step of this component id gets."""
        return self.steps.get(component, Step()).over(self.every_step)

    def data_fingerprint(self, example_gen: str) -> Step:
        """What the step DataFingerprint gets, in front of the ExampleGen of this component id."""
        return self.steps.get(DATA_FINGERPRINT, Step()).over(self.step(example_gen))
