"""One training of Trainer itself or of a Tuner's trial, from the artifacts it is given."""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable

from components.reachable import past_proxies
from components.schema_gen import schema_files
from components.tasks.training import training_of
from components.trainer import devices, first_weights, workers
from components.trainer.augmentation import Augmenter
from components.trainer.checkpoints import Checkpoints
from components.trainer.class_weights import weights_of
from components.trainer.devices import Devices
from components.trainer.freezing import where_weights_were_given
from components.trainer.input.function import Input, input_function
from components.trainer.input.options import DataService, FeedOptions, Workers
from components.trainer.input_report.report import InputReport
from components.trainer.mixing import Mixer
from components.trainer.model import build_model
from components.trainer.preparation import prepare
from components.trainer.trained import Trained
from components.trainer.training_job import TrainingJob
from components.trainer.training_log import TrainingLog
from components.trainer.transform_graph import TransformGraph
from failures import Failure, SurroundingsFailure
from files.strict_json import text_of
from settings.training import Training

_MOST_CONFUSED = 5000  # classes; the confusion of more takes gigabytes


@past_proxies()
def train(
    job: TrainingJob,
    checkpoints: Checkpoints,
    log: TrainingLog,
    input_report: InputReport | None = None,
) -> tuple[Trained, TransformGraph]:
    """One training, of Trainer itself or of a Tuner's trial, and the graph before its model.

    Raises:
      Failure: there is no train split, an input is unusable, or the training cannot go on.
    """
    training, keys = where_weights_were_given(job.recipe), job.recipe.augmentation
    # Before anything is computed: workers can only find each other then.
    chosen = devices.choose(training, os.environ)
    devices.prepare(job.seed, training.deterministic)
    schema = schema_files.read(job.schema.uri)
    graph = TransformGraph.load(job.transform_graph.uri, schema, job.features)
    train_files = job.split_files("train")
    if not train_files:
        raise SurroundingsFailure(
            f'Trainer: there are no examples of the split "train" in {job.examples.uri}. '
            "Check that folder, and the splits in the configuration's data section."
        )
    confuses = training_of(job.features.task).Tallies.CELLS is None
    _check_monitor(training, len(graph.labels), "validation" in job.splits, confuses)
    options = _feed_options(job, chosen)
    given = first_weights.read(job.recipe.model.weights)
    validation = _validation(
        _batches(job, graph, "validation"), job.split_files("validation"), training, options
    )
    loop = prepare(
        training,
        build_model=functools.partial(
            build_model,
            job.recipe.model,
            graph.image_shape,
            len(graph.labels),
            graph.pixel_mean,
            graph.pixel_std,
            training_of(job.features.task).ARE_PICTURES,
            given,
        ),
        training_input=functools.partial(_batches(job, graph, "train"), train_files, training=True),
        options=_beside(validation, options),
        validation=validation,
        checkpoints=checkpoints,
        log=log,
        devices=chosen,
        augmenter=Augmenter(keys, job.seed) if keys.changes else None,
        input_report=input_report,
        class_weights=weights_of(training.class_weights, graph.labels, graph.class_counts),
        mixer=Mixer(training, job.seed) if training.mixes else None,
        task=job.features.task,
        begin=functools.partial(given.give_to, classes=graph.labels) if given else None,
    )
    return dataclasses.replace(loop.run(), first_weights=given), graph


def validation_once(job: TrainingJob, graph: TransformGraph, at_once: int) -> Input | None:
    """The whole validation split in batches of `at_once`, once, for one process; None without
    one."""
    files = job.split_files("validation")
    if not files:
        return None
    options = FeedOptions(strategy="streaming")
    batches = _batches(job, graph, "validation")
    return batches(files, training=False, batch_size=at_once, options=options)


def _check_monitor(training: Training, classes: int, validated: bool, confuses: bool) -> None:
    metric = training.monitor
    if metric != "loss" and not validated:
        raise Failure(
            f"Trainer: training.monitor: {metric} needs a validation split, and there is none; "
            "allowed: loss"
        )
    if confuses and training.monitors_classes and classes > _MOST_CONFUSED:
        raise Failure(
            f"Trainer: training.monitor: {metric} needs a confusion matrix, which is kept "
            f"for at most {_MOST_CONFUSED:,} classes, and there are {classes:,}; "
            "allowed: loss, accuracy"
        )


def _batches(job: TrainingJob, graph: TransformGraph, split: str) -> Callable[..., Input]:
    """The input function of a split's transformed Examples, for all but the files and batches."""
    return functools.partial(
        input_function,
        image_shape=graph.image_shape,
        batch_size=job.recipe.training.batch_size,
        target=training_of(job.features.task).feature(graph.image_shape, len(graph.labels)),
        weight=job.features.weight,
        series=_series(job, graph, split),
    )


def _series(job: TrainingJob, graph: TransformGraph, split: str) -> str:
    """What the files of a split are of, whichever run of the pipeline has made them."""
    features = job.features.model_dump(mode="json")
    # Other pipelines may keep their copies in the same folder.
    about = [job.checkpoint_dir, split, features, graph.image_shape, graph.labels]
    return hashlib.sha256(text_of(about).encode()).hexdigest()


def _feed_options(job: TrainingJob, chosen: Devices) -> FeedOptions:
    given = job.recipe.training.input
    return FeedOptions(
        seed=job.seed,
        strategy=given.strategy,
        cache_dir=job.cache_folder,
        memory_limit_bytes=given.memory_limit_bytes,
        balanced=job.recipe.training.sampling == "balanced",
        service=given.data_service
        and DataService(given.data_service, given.data_service_timeout_seconds),
        workers=Workers(chosen.place.number, chosen.workers, chosen.place.workers_here),
    )


def _validation(
    batches: Callable[..., Input], files: list[str], training: Training, options: FeedOptions
) -> Input | None:
    """The validation split in batches of as many images as a step has in memory together."""
    if not files:
        return None
    count = options.workers.count
    wanted = max(1, training.images_at_once // count) * count
    made = batches(files, training=False, batch_size=wanted, options=options)
    size = workers.validation_batch_size(made.examples, wanted, count)
    if size == wanted:
        return made
    return batches(files, training=False, batch_size=size, options=options)


def _beside(validation: Input | None, options: FeedOptions) -> FeedOptions:
    """The options with what the validation split leaves of the memory that is allowed."""
    limit = options.memory_limit_bytes
    if limit is None or not validation:
        return options  # What is free counts when it is asked for.
    return dataclasses.replace(options, memory_limit_bytes=max(0, limit - validation.decoded_bytes))
