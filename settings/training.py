"""The section `training`, and the recipe that it makes with `model` and `augmentation`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from metrics import catalog
from settings.augmentation import Augmentation
from settings.class_weights import ClassWeights
from settings.model import Model
from settings.own_code import (
    check_parameters,
    is_own,
    own,
    split,
)
from settings.recipes import RECIPES
from settings.section import Section, one_of
from settings.training_input import InputFunction, InputReport

# Marks a key that may change between a kill and the resumed training: the checkpoint stays valid.
KEEPS_CHECKPOINT = {"keeps_checkpoint": True}


Monitored = one_of(catalog.counted())


class Training(Section):
    recipe: Literal["from_scratch", "fine_tune", "segmentation"] | None = Field(
        None,
        description="good values for this kind of training, which any key given with it "
        "overrides; `check` shows which key comes from where",
    )
    batch_size: Annotated[int, Field(ge=1, le=65536)] = Field(
        64, description="images a step, over all devices"
    )
    epochs: Annotated[int, Field(ge=1, le=100_000)] = Field(
        10, description="passes over the train split; early stopping may end sooner"
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(
        0.001, description="the highest learning rate; see schedule"
    )
    schedule: Literal["cosine", "one_cycle", "step", "constant"] = Field(
        "cosine",
        description="cosine and one_cycle decay to 0 at the last epoch, step falls to a tenth "
        "after half of the epochs and again after three quarters, constant stays at "
        "learning_rate; warmup_epochs says how long it rises first",
    )
    warmup_epochs: Annotated[float, Field(ge=0, le=100_000)] | None = Field(
        None,
        description="epochs, whole or not, over which the rate rises from a tenth of "
        "learning_rate (one_cycle: from a twenty-fifth); omit for 1 with cosine, three tenths of "
        "all epochs with one_cycle, and 0 with step and constant",
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field(
        "adam", description="sgd uses Nesterov momentum 0.9"
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        description="share of each weight, times the learning rate, that a step removes; biases "
        "and normalisation are exempt; omit for 0.004 with adamw, else 0",
    )
    gradient_clip_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="the largest norm of all gradients together; omit for no limit"
    )
    loss: own("loss", ("cross_entropy", "focal")) = Field(
        "cross_entropy",
        description="what is minimised; focal gives less weight to what the model already gets "
        "right",
    )
    loss_parameters: dict[str, Any] = Field(
        {}, description="the keys of a loss of your own", validate_default=True
    )
    focal_gamma: Annotated[float, Field(gt=0, le=10)] = Field(
        2.0, description="how much less: the loss times (1 - probability of the class)^gamma"
    )
    sampling: Literal["shuffled", "balanced"] = Field(
        "shuffled",
        description="shuffled takes every example once per epoch; balanced takes as many of each "
        "class, repeating examples of rare ones, from memory, compressed or disk",
    )
    class_weights: ClassWeights = Field(
        None,
        description="weight of each class in the training loss: balanced gives all the same say "
        "(with several labels, to the images that have them), a class that is not named has 1, and "
        "0 leaves a class out; omit for 1 each",
    )
    mixup: Annotated[float, Field(ge=0, le=10)] = Field(
        0.0,
        description="mixes each image and its label with those of another one, by shares drawn "
        "from Beta(mixup, mixup); 0.2 is usual, 0 is off; not for masks",
    )
    cutmix: Annotated[float, Field(ge=0, le=10)] = Field(
        0.0,
        description="replaces a rectangle of each image, and its share of the label or part of "
        "the mask, with another image's; its area is drawn from Beta(cutmix, cutmix); 1 is usual, "
        "0 is off",
    )
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="evaluate and export an exponential moving average of the weights, of which "
        "each step keeps this share; 0.999 is usual; omit for the weights themselves",
    )
    freeze_epochs: Annotated[int, Field(ge=0, le=100_000)] = Field(
        0,
        description="number of first epochs in which layers that began with model.weights keep "
        "their weights; as many as epochs for the whole training",
    )
    freeze_to: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="the last layer that freeze_epochs freezes, by its name in Keras; omit for "
        "the whole backbone or, without one, all layers but the last",
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="learning rate of each stage of the backbone as a share of the one above it; "
        "a stage ends where the feature maps shrink; 1 is the same rate everywhere",
    )
    gradient_accumulation: Annotated[int, Field(ge=1, le=64)] = Field(
        1,
        description="parts in which a step processes its batch, one after the other, so that a "
        "large batch fits into the device's memory; must divide batch_size",
    )
    monitor: Monitored = Field(
        "loss",
        description="the validation metric that decides which epoch is the best, and when early "
        "stopping stops",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="share of each label that is spread evenly over all classes, in training only",
    )
    early_stopping_patience: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="stop after this many epochs without a better value of monitor; omit to "
        "disable",
    )
    calibration: Literal["temperature", "none"] = Field(
        "temperature",
        description="temperature divides a classifier's logits by one number, fitted on the "
        "validation split after training, so that of its answers with probability 0.8, four out "
        "of five are right; the most likely class stays the same; not for masks",
        json_schema_extra=KEEPS_CHECKPOINT,
    )
    checkpoint_every_seconds: Annotated[float, Field(gt=0)] = Field(
        60.0,
        description="time between checkpoints, and so the most work that a kill can cost; longer "
        "where writing one would take more than a fiftieth of it",
        json_schema_extra=KEEPS_CHECKPOINT,
    )
    checkpoint_every_steps: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="steps between checkpoints, in addition to the time; omit to go by time only",
        json_schema_extra=KEEPS_CHECKPOINT,
    )
    deterministic: bool = Field(
        False, description="make training bit-for-bit repeatable, and slower"
    )
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto",
        description="precision of the computation; auto is mixed where that is faster on the "
        "device",
    )
    xla: Literal["auto", "on", "off"] = Field(
        "auto",
        description="compile the step with XLA; auto does so on a single GPU; with several "
        "devices, on normalises each device's part of a batch by itself",
    )
    steps_per_execution: Annotated[int, Field(ge=1, le=1000)] = Field(
        1,
        description="steps in one call of the compiled function, which takes as many batches at "
        "once and holds the network as often: 8 is usual for steps of a few milliseconds, and "
        "longer steps gain nothing",
    )
    worker_wait_seconds: Annotated[float, Field(gt=0)] = Field(
        600.0,
        description="the longest wait for the other workers of TF_CONFIG at the start",
        json_schema_extra=KEEPS_CHECKPOINT,
    )
    input: InputFunction = Field(InputFunction(), json_schema_extra=KEEPS_CHECKPOINT)
    input_report: InputReport = Field(InputReport(), json_schema_extra=KEEPS_CHECKPOINT)

    @model_validator(mode="wrap")
    @classmethod
    def _begins_with_its_recipe(cls, given, handler):
        name = given.get("recipe") if isinstance(given, dict) else None
        if not isinstance(name, str) or name not in RECIPES:
            return handler(given)
        made = handler({**RECIPES[name], **given})
        # A key of the recipe is not one that was given: another recipe may replace it.
        made.model_fields_set.intersection_update(given)
        return made

    def remark(self, key: str) -> str | None:
        """Where the value of a key comes from, if its recipe knows it."""
        known = RECIPES.get(self.recipe, {})
        if key not in known:
            return None
        if key not in self.model_fields_set:
            return f"of recipe {self.recipe}"
        return f"given; recipe {self.recipe} has {known[key]}"

    def origin(self, key: str) -> str:
        """Words to write behind the value of a key: empty where the recipe did not give it."""
        of_recipe = key in RECIPES.get(self.recipe, {}) and key not in self.model_fields_set
        return f" (of recipe {self.recipe})" if of_recipe else ""

    @property
    def monitors_classes(self) -> bool:
        """Whether `monitor` is computed from what is counted of each class."""
        return self.monitor not in ("loss", "accuracy")

    @property
    def images_at_once(self) -> int:
        """How many images of a batch are in the devices' memory together."""
        return self.batch_size // self.gradient_accumulation

    @property
    def mixes(self) -> bool:
        """Whether training images take in parts of others."""
        return bool(self.mixup or self.cutmix)

    @field_validator("xla", mode="before")
    @classmethod
    def _is_no_boolean(cls, given):
        # YAML takes `on` and `off` without quotes for them.
        return {True: "on", False: "off"}.get(given, given) if isinstance(given, bool) else given

    @field_validator("gradient_accumulation")
    @classmethod
    def _divides_the_batch(cls, parts, info):
        if info.data.get("batch_size", parts) % parts:
            size = info.data["batch_size"]
            allowed = [str(n) for n in range(1, min(size, 64) + 1) if size % n == 0]
            raise ValueError(f"allowed with batch_size {size}: {', '.join(allowed)}")
        return parts

    @field_validator("loss_parameters")
    @classmethod
    def _fit_the_loss(cls, parameters, info):
        loss = info.data.get("loss", "")
        if is_own(loss):
            check_parameters("loss", loss, parameters)
        elif parameters and loss:
            raise ValueError("allowed: only with a loss of your own")
        return parameters

    @field_validator("freeze_to")
    @classmethod
    def _is_for_some_epochs(cls, layer, info):
        if layer is not None and info.data.get("freeze_epochs") == 0:
            raise ValueError("allowed with training.freeze_epochs above 0")
        return layer

    @field_validator("class_weights")
    @classmethod
    def _weighs_classes_once(cls, weights, info):
        if weights == "balanced" and info.data.get("sampling") == "balanced":
            raise ValueError("allowed: balanced here or in training.sampling, not in both")
        return weights

    def of_a_checkpoint(self) -> dict[str, Any]:
        """The keys and values that a checkpoint belongs to."""
        return {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if field.json_schema_extra != KEEPS_CHECKPOINT
        }


class Recipe(Section):
    """What decides how a model is trained: Trainer follows it, and Tuner varies it."""

    model: Model
    augmentation: Augmentation = Augmentation()
    training: Training = Training()

    @property
    def own_names(self) -> list[str]:
        """The user code that the training runs, as `package.module:Name`."""
        changes = [change.name for change in self.augmentation.own]
        return list(filter(is_own, [self.model.name, self.training.loss, *changes]))

    @property
    def own_modules(self) -> list[str]:
        """The modules of that code."""
        return sorted({split(name)[0] for name in self.own_names})
