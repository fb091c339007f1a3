"""What a run is made of: every key of a file in `configs/`, its type, range and default.

Nothing here imports TensorFlow: a mistake is told in a fraction of a second.
Relative paths are relative to the folder in which the command is given.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from components.evaluator.metric_names import METRIC_NAMES
from components.trainer.models.names import MODEL_NAMES, task_of
from components.validation_gate.anomaly_types import ANOMALY_TYPES
from settings.kubeflow import Kubeflow
from settings.schedule import Schedule
from settings.section import Form, OneOf, Section
from settings.training import Augmentation, Model, Training
from settings.tuner import Tuner, mistake_in

AnomalyType = Annotated[
    str, AfterValidator(OneOf(ANOMALY_TYPES, "TFDV's anomaly types, as in SCHEMA_NEW_COLUMN"))
]
Metric = Annotated[str, AfterValidator(OneOf(METRIC_NAMES))]
Name = Annotated[
    str,
    AfterValidator(
        Form(
            r"[a-z0-9][a-z0-9-]{0,62}",
            "lower-case letters, digits and hyphens, at most 63, the first one no hyphen",
        )
    ),
]
Dataset = Annotated[
    str,
    AfterValidator(Form(r"[a-z]\w*(/[\w.-]+)?(:\d+\.\d+\.\d+)?", "TFDS name[/config][:version]")),
]
Path = Annotated[str, Field(min_length=1)]
Folder = Annotated[str, AfterValidator(Form(r"(?s)(?!\w+://).+", "a folder of this machine"))]
# What TensorFlow opens by itself: it knows no s3:// and no minio://.
Destination = Annotated[
    str, AfterValidator(Form(r"gs://\S+|(?s:(?!\w+://).+)", "a folder, or a gs:// address"))
]
PixelValue = Annotated[int, Field(ge=0, le=255)]


class Splits(Section):
    """TFDS split expressions: https://www.tensorflow.org/datasets/splits."""

    train: str = Field(description="for the training")
    validation: str | None = Field(None, description="for early stopping; none: none")
    test: str = Field(description="for the Evaluator")

    def by_role(self) -> dict[str, str]:
        return {role: expression for role, expression in self if expression is not None}


class Data(Section):
    dataset: Dataset = Field(description="the TFDS dataset; without a version, the newest")
    splits: Splits
    data_dir: Path | None = Field(None, description="where TFDS keeps it; none: TFDS's own")
    download: bool = Field(False, description="let TFDS download and prepare what is missing")
    image_feature: str = Field("image", description="the dataset's feature of the images")
    label_feature: str = Field(
        "label", description="of the classes; not read where there is a mask_feature"
    )
    mask_feature: str | None = Field(
        None, description="pictures of classes, for segmentation; none: classification"
    )
    mask_classes: dict[str, PixelValue] = Field(
        {},
        description="class: its pixel value in the masks, in the order of the class ids",
        validate_default=True,
    )
    schema_file: Path | None = Field(
        None, alias="schema", description="a curated schema; none: inferred from the train split"
    )

    @field_validator("mask_feature")
    @classmethod
    def _is_not_the_image(cls, mask, info):
        if mask is not None and mask == info.data.get("image_feature"):
            raise ValueError("allowed: another feature than data.image_feature")
        return mask

    @field_validator("mask_classes")
    @classmethod
    def _fit_the_masks(cls, classes, info):
        if "mask_feature" not in info.data:
            return classes  # its own mistake is told
        if info.data["mask_feature"] is None:
            if classes:
                raise ValueError("allowed: only beside data.mask_feature")
        elif not 2 <= len(classes) <= 255:  # the class id 255 is a pixel of no class
            raise ValueError("allowed: 2 to 255 classes such as background: 0")
        elif any(name.splitlines() != [name] for name in classes):
            raise ValueError("allowed: a name of one line for each class")
        elif len(set(classes.values())) < len(classes):
            raise ValueError("allowed: a pixel value of its own for each class")
        return classes

    @property
    def task(self) -> str:
        return "classification" if self.mask_feature is None else "segmentation"


class Validation(Section):
    max_anomalies: Annotated[int, Field(ge=0)] = Field(
        0, description="more stop the run; those of `allow` are not counted"
    )
    allow: dict[str, list[AnomalyType]] = Field(
        {}, description="feature: anomaly types let through"
    )


class Preprocessing(Section):
    height: Annotated[int, Field(ge=8, le=4096)] = Field(description="pixels that the model sees")
    width: Annotated[int, Field(ge=8, le=4096)] = Field(description="pixels that the model sees")
    channels: Literal[1, 3] = Field(3, description="1 is grey, 3 is RGB")
    resize: Literal["bilinear", "area", "nearest"] = Field(
        "bilinear", description="how images get their size; masks: always nearest"
    )
    aspect: Literal["stretch", "crop", "pad"] = Field(
        "stretch", description="what becomes of the image's proportions"
    )
    antialias: bool = Field(
        False,
        description="a low-pass filter before shrinking: no jagged edges, and four times the work",
    )
    on_corrupt_image: Literal["fail", "drop"] = Field(
        "fail", description="whether an image that cannot be decoded ends the run or is left out"
    )
    max_dropped: Annotated[int, Field(ge=0)] = Field(
        0, description="images a split may lose before the run fails"
    )


class _Bounds(Section):
    # Nothing compares with NaN, and no bound at all is written by leaving it out.
    model_config = ConfigDict(allow_inf_nan=False)


class Threshold(_Bounds):
    min: float | None = Field(None, description="the least that is good enough; none: any")
    max: float | None = Field(None, description="the most that is good enough; none: any")

    @model_validator(mode="after")
    def _bounds_something(self):
        if self.min is None and self.max is None:
            raise ValueError("needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Change(_Bounds):
    max_drop: Annotated[float, Field(ge=0)] | None = Field(
        None, description="how far below the champion's; none: any"
    )
    max_rise: Annotated[float, Field(ge=0)] | None = Field(
        None, description="how far above the champion's; none: any"
    )

    @model_validator(mode="after")
    def _bounds_something(self):
        if self.max_drop is None and self.max_rise is None:
            raise ValueError("needs max_drop or max_rise")
        return self


class Evaluation(Section):
    thresholds: dict[Metric, Threshold] = Field({}, description="what a model must reach")
    change: dict[Metric, Change] = Field({}, description="how far behind the champion it may be")
    per_class: bool = Field(True, description="the metrics of each class as well")


class Serving(_Bounds):
    check: bool = Field(True, description="serve the model in a fresh process before the push")
    max_latency_ms: Annotated[float, Field(gt=0)] | None = Field(
        None, description="p99 of a request of one image; none: any"
    )
    max_slowdown: Annotated[float, Field(gt=0)] | None = Field(
        5.0, description="times the champion's median latency; none: any"
    )
    max_memory_mb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="MiB that the serving process may take; none: any"
    )


class Push(Section):
    destination: Destination = Field(description="models go to <destination>/<version>/")


class Beam(Section):
    args: list[str] = Field(
        [], description="options of Beam's own, as for Dataflow or Flink; none: this process"
    )


class Configuration(Section):
    name: Name = Field(description="the pipeline's name")
    root: Folder = Field(description="where artifacts, metadata and logs go")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="of all that is random")
    data: Data = Field(description="which dataset, which splits, which features")
    validation: Validation = Field(Validation(), description="which anomalies stop the run")
    preprocessing: Preprocessing = Field(description="what the model sees of an image")
    model: Model = Field(description="which network")
    augmentation: Augmentation = Field(
        Augmentation(), description="random changes of the training images, on the accelerator"
    )
    training: Training = Field(Training(), description="how it is trained")
    tuner: Tuner | None = Field(None, description="what to search for before training; none: none")
    evaluation: Evaluation = Field(
        Evaluation(), description="what is measured, and what a model must reach to be pushed"
    )
    serving: Serving = Field(Serving(), description="the check that the model serves")
    push: Push = Field(description="where models go")
    beam: Beam = Field(Beam(), description="where the work on the data runs")
    kubeflow: Kubeflow = Field(Kubeflow(), description="what holds on a cluster alone")
    schedule: Schedule | None = Field(None, description="when it runs by itself; none: never")

    @field_validator("augmentation")
    @classmethod
    def _has_colours_to_change(cls, augmentation, info):
        preprocessing = info.data.get("preprocessing")
        grey = preprocessing is not None and preprocessing.channels == 1
        if grey and (augmentation.saturation or augmentation.hue):
            raise ValueError(
                "images of preprocessing.channels 1 have no colour; allowed: saturation 0 and hue 0"
            )
        return augmentation

    @field_validator("tuner")
    @classmethod
    def _tries_what_there_is(cls, tuner, info):
        others = [info.data.get(name) for name in ("data", "preprocessing", "model")]
        if tuner is not None and None not in others:
            mistake = mistake_in(tuner, *others)
            if mistake:
                raise ValueError(mistake)
        return tuner

    @field_validator("model")
    @classmethod
    def _is_for_the_task(cls, model, info):
        data = info.data.get("data")
        if data is not None and task_of(model.name) != data.task:
            fitting = [name for name in MODEL_NAMES if task_of(name) == data.task]
            has = "no data.mask_feature" if data.mask_feature is None else "data.mask_feature"
            raise ValueError(
                f"{model.name} is for {task_of(model.name)}, and there is {has}; "
                f"allowed: {', '.join(fitting)}"
            )
        return model
