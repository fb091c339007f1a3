"""The whole configuration: every section of a file in `configs/`.

Nothing here imports TensorFlow, so a mistake is reported in a fraction of a second.
Relative paths are relative to the folder in which the command is given.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SerializeAsAny, field_validator

import models
from settings.augmentation import Augmentation
from settings.beam import Beam
from settings.buckets import ADDRESS, IN_WORDS
from settings.data import Data
from settings.evaluation import Evaluation
from settings.folders import folder
from settings.ingest import Ingest
from settings.ingest import mistake_in as mistake_in_ingest
from settings.kubeflow import DATA_FINGERPRINT, Kubeflow
from settings.model import Model
from settings.own_code import is_own
from settings.own_modules import look_in
from settings.plain_paths import PLAIN
from settings.preprocessing import Preprocessing
from settings.schedule import Schedule
from settings.section import Section, matching
from settings.serving import Serving
from settings.training import Recipe, Training
from settings.tuner import Tuner, mistake_in
from settings.validation import Validation
from settings.workers import WorkersTraining

Name = matching(
    r"[a-z0-9][a-z0-9-]{0,62}",
    "lower-case letters, digits and hyphens, at most 63, the first one no hyphen",
)
Folder = folder(PLAIN, "a folder of this machine")
Destination = folder(rf"{ADDRESS}|{PLAIN}", f"a folder, or {IN_WORDS}")


class Push(Section):
    destination: Destination = Field(description="models are published as <destination>/<version>/")


class Configuration(Section):
    name: Name = Field(description="the pipeline's name")
    root: Folder = Field(description="the folder of artifacts, metadata and logs")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        0, description="the seed of everything random"
    )
    keep_runs: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="how many of the newest runs stay whole on one machine: after each run, what "
        "none of them made or read is removed; omit to keep all",
    )
    code: Folder | None = Field(
        None,
        description="the folder of your own packages, which sections name as package.module:Name; "
        "omit for the folder of the configuration's file",
    )
    data: SerializeAsAny[Data] = Field(
        description="what the examples are read from, their splits and their features"
    )
    ingest: Ingest | None = Field(
        None, description="a Kafka topic that `ingest` writes spans from; omit for none"
    )
    validation: Validation = Field(
        Validation(), description="what in the data stops the run", validate_default=True
    )
    preprocessing: Preprocessing = Field(description="what the model sees of an image")
    model: Model = Field(description="which network")
    augmentation: Augmentation = Field(
        Augmentation(), description="random changes of the training images, made on the accelerator"
    )
    training: WorkersTraining = Field(WorkersTraining(), description="how the model is trained")
    tuner: Tuner | None = Field(
        None, description="a search for hyperparameters before the training; omit to skip it"
    )
    evaluation: Evaluation = Field(
        Evaluation(), description="what is measured, and what a model must reach to be pushed"
    )
    serving: Serving = Field(Serving(), description="the check that the model serves")
    push: Push = Field(description="where models go")
    beam: Beam = Field(Beam(), description="where the data is processed")
    kubeflow: Kubeflow = Field(Kubeflow(), description="what applies on a cluster only")
    schedule: Schedule | None = Field(
        None, description="when the pipeline runs by itself; omit for never"
    )

    @property
    def own_modules(self) -> list[str]:
        """The modules of user code that any section names."""
        return sorted({*self.trained_modules, *self.evaluation.own_modules})

    @property
    def trained_modules(self) -> list[str]:
        """Those that a training runs, the Trainer's or a trial's."""
        training = self.training.part(Training)
        recipe = Recipe(model=self.model, augmentation=self.augmentation, training=training)
        return sorted({*recipe.own_modules, *(self.tuner.own_modules if self.tuner else ())})

    @field_validator("code")
    @classmethod
    def _holds_packages(cls, code):
        if code is not None:
            if not Path(code).is_dir():
                raise ValueError("allowed: an existing folder, which holds your packages")
            look_in(code)
        return code

    @field_validator("ingest")
    @classmethod
    def _writes_what_the_data_reads(cls, ingest, info):
        data = info.data.get("data")
        mistake = ingest and data and mistake_in_ingest(ingest, data)
        if mistake:
            raise ValueError(mistake)
        return ingest

    @field_validator("validation")
    @classmethod
    def _has_the_limit_of_the_source(cls, validation, info):
        data = info.data.get("data")
        if data is None or validation.max_overlap is not None:
            return validation
        return validation.model_copy(update={"max_overlap": data.source_keys.MAX_OVERLAP})

    @field_validator("augmentation")
    @classmethod
    def _has_colours_to_change(cls, augmentation, info):
        preprocessing = info.data.get("preprocessing")
        grey = preprocessing is not None and preprocessing.channels == 1
        if grey and augmentation.needing_colour:
            raise ValueError(
                "images of preprocessing.channels 1 have no colour; allowed: no "
                f"{' or '.join(augmentation.needing_colour)}"
            )
        return augmentation

    @field_validator("tuner")
    @classmethod
    def _tries_what_there_is(cls, tuner, info):
        given = {name: info.data.get(name) for name in ("data", "preprocessing")}
        recipe = {name: info.data.get(name) for name in Recipe.model_fields}
        if tuner is not None and None not in (*given.values(), *recipe.values()):
            if recipe["training"].workers > 1 and "training.batch_size" in tuner.search_space:
                raise ValueError(
                    "search_space tries training.batch_size, which must be a multiple of "
                    "training.workers; allowed: other keys, or training.workers 1"
                )
            recipe["training"] = recipe["training"].part(Training)
            mistake = mistake_in(tuner, **given, recipe=Recipe(**recipe))
            if mistake:
                raise ValueError(mistake)
        return tuner

    @field_validator("kubeflow")
    @classmethod
    def _streams_from_a_service(cls, kubeflow, info):
        training, tuner = info.data.get("training"), info.data.get("tuner")
        refused = training and training.against_a_service
        words = refused and f"with training.{refused}; allowed: 0"
        # Trials have no service, but the Trainer has one, and takes the values of the best.
        tried = tuner and tuner.search_space.get("training.sampling")
        if not refused and tried and "balanced" in tried.examples:
            words = (
                "while tuner.search_space tries training.sampling balanced; allowed: 0, or a "
                "search without it"
            )
        if kubeflow.data_service_workers and words:
            raise ValueError(f"data_service_workers {kubeflow.data_service_workers} {words}")
        return kubeflow

    @field_validator("kubeflow")
    @classmethod
    def _fingerprints_within_limits(cls, kubeflow, info):
        data = info.data.get("data")
        step = data and kubeflow.data_fingerprint(data.COMPONENT)
        mistake = step and step.request_above_limit()
        if mistake:
            raise ValueError(f"steps.{DATA_FINGERPRINT}: {mistake}")
        return kubeflow

    @property
    def needed_rights(self) -> str | None:
        """What the steps' account needs on Kubeflow beyond what Kubeflow gives it, in a line."""
        keys = {
            f"training.workers {self.training.workers}": self.training.workers > 1,
            f"kubeflow.data_service_workers {self.kubeflow.data_service_workers}": (
                self.kubeflow.data_service_workers
            ),
            "kubeflow.trial_pods": self.tuner
            and self.tuner.parallel_trials > 1
            and self.kubeflow.trial_pods,
        }
        asked = [key for key, is_given in keys.items() if is_given]
        if not asked:
            return None
        account = self.kubeflow.service_account or "pipeline-runner"
        return (
            f"On Kubeflow, {asked[0]} needs the right of the steps' account ({account}) to create, "
            "get and delete Jobs and to create and delete Services: see kfp/manifests/workers.yaml."
        )

    @field_validator("model")
    @classmethod
    def _is_for_the_task(cls, model, info):
        data = info.data.get("data")
        if data is None or is_own(model.name):
            return model  # The Trainer looks at what a user's network answers.
        if models.task_of(model.name) != data.network_task:
            fitting = [name for name in models.NAMES if models.task_of(name) == data.network_task]
            has = "no data.mask_feature" if data.mask_feature is None else "data.mask_feature"
            raise ValueError(
                f"{model.name} is for {models.task_of(model.name)}, and there is {has}; "
                f"allowed: {', '.join(fitting)}"
            )
        return model
