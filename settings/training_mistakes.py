"""What in the section `training` does not fit the examples, or itself."""

from collections.abc import Iterable, Iterator

from metrics import catalog
from settings.data import Data
from settings.training import Training


def mistakes_in(training: Training, data: Data) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) of what cannot be trained with examples of this kind."""
    monitored = f"{training.monitor}{training.origin('monitor')}"
    if training.monitor not in catalog.counted(data.task):
        allowed = ", ".join(catalog.counted(data.task))
        yield "monitor", f"{monitored} is not of {data.task}; allowed: {allowed}"
    if training.monitor != "loss" and not data.source_keys.has_validation:
        reason = "there is no data.splits.validation to measure"
        yield "monitor", f"given {monitored}; {reason}; allowed: loss"
    if (training.warmup_epochs or 0) > training.epochs:
        allowed = f"at most training.epochs, {training.epochs}"
        yield "warmup_epochs", f"given {training.warmup_epochs:g}; allowed: {allowed}"
    if training.sampling == "balanced":
        if data.task != "classification":
            yield "sampling", "balanced needs one class for each image; allowed: shuffled"
        if training.input.strategy == "streaming":
            reason = "balanced takes images from anywhere, and streaming has them in one order"
            yield "sampling", f"{reason}; allowed: shuffled, or another training.input.strategy"
        if training.input.data_service:
            reason = "balanced has an order of its own, and training.input.data_service gives any"
            yield "sampling", f"{reason}; allowed: shuffled, or no service"
    if data.task == "segmentation":
        yield from _for_masks(training, data.mask_classes)


def mistakes_in_trials(training: Training, epochs: int) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) of what trials of so many epochs would tell nothing about."""
    warmup, frozen = training.warmup_epochs or 0, training.freeze_epochs
    if warmup > epochs:
        by, reason = training.origin("warmup_epochs"), "trials end before the rate has risen"
        allowed = f"at most tuner.epochs, {epochs}"
        yield "warmup_epochs", f"given {warmup:g}{by}; {reason}; allowed: {allowed}"
    if epochs <= frozen < training.epochs:
        by, reason = training.origin("freeze_epochs"), "trials end before these layers train"
        allowed = f"fewer than tuner.epochs, {epochs}, or all of training.epochs"
        yield "freeze_epochs", f"given {frozen}{by}; {reason}; allowed: {allowed}"


def _for_masks(training: Training, classes: Iterable[str]) -> Iterator[tuple[str, str]]:
    if training.mixup:
        by = training.origin("mixup")
        yield "mixup", f"given {training.mixup}{by}; allowed: 0, as masks cannot be added"
    if training.input.strategy == "compressed":
        reason = "given compressed, and masks would lose their classes as JPEGs"
        yield "input.strategy", f"{reason}; allowed: auto, memory, disk, streaming"
    if isinstance(training.class_weights, dict):
        for name in training.class_weights:
            if name not in classes:
                allowed = ", ".join(classes)
                yield "class_weights", f"{name} is not a class; allowed: {allowed}"
        if not any(training.class_weights.get(name, 1.0) for name in classes):
            yield "class_weights", "every class has the weight 0; allowed: one above 0 or more"
