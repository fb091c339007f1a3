"""Evaluates a challenger, and the champion beside it, on raw Examples."""

import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import apache_beam as beam
from tensorflow_model_analysis import constants
from tfx.dsl.io import fileio

from components.evaluator import blessing, metrics, tfma_result, worst_examples
from components.evaluator.class_names import joint_class_names, read_class_names
from components.evaluator.count_shard import AddUp, CountShard
from components.evaluator.counts import Counts, total
from components.evaluator.criteria import Criteria
from components.evaluator.metric_names import CLASSIFICATION
from components.evaluator.model_place import ModelPlace
from components.evaluator.plan import Plan
from components.evaluator.reading import CLASS_NAMES_FILE, COUNTS_FILE, Verdict
from components.transform.corrupt_images import enforce_policy
from failures import Failure


@dataclass(frozen=True)
class Request:
    """What is evaluated; the parameters of the component."""

    split_uri: str
    split: str
    models: tuple[ModelPlace, ...]  # the challenger and, if there is one, the champion
    criteria: Criteria
    per_class: bool
    image_feature: str
    label_feature: str | None
    mask_feature: str | None
    label_is_bytes: bool
    on_corrupt_image: str
    max_dropped: int
    batch_size: int


@dataclass(frozen=True)
class Result:
    """What came out; TFMA's files are written."""

    verdict: Verdict
    dropped: int  # corrupt images
    unknown_labels: int  # examples whose label is in no vocabulary


def evaluate(
    request: Request, make_pipeline: Callable[[], beam.Pipeline] | None, uri: str
) -> Result:
    """Counts, computes the metrics, validates them, and writes TFMA's files.

    Args:
      request: what to evaluate.
      make_pipeline: makes the Beam pipeline that predicts; None predicts in this process.
      uri: folder of the ModelEvaluation. Beside TFMA's files it gets counts.json,
        class_names.json, whose positions are the class ids in all of them, and
        worst_examples.json with the pictures it names.

    Raises:
      Failure: the split, a model or the configuration cannot be used.
    """
    names = joint_class_names([read_class_names(place) for place in request.models])
    counts = _count(request, names, make_pipeline, os.path.join(uri, COUNTS_FILE))
    enforce_policy("Evaluator", counts.corrupt, request.on_corrupt_image, request.max_dropped)
    challenger = counts.models[request.models[0].name]
    if not counts.examples:
        raise Failure(
            f"Evaluator: split {request.split} holds no examples that can be evaluated. "
            "Check the split's expression in the configuration."
        )
    if not challenger.confusion.sum():
        raise Failure(
            f"Evaluator: the masks of split {request.split} hold no pixel of any class. "
            "Check the pixel values in mask_classes."
        )
    with fileio.open(os.path.join(uri, CLASS_NAMES_FILE), "w") as text:
        text.write(json.dumps(names))
    verdict = _judge(request, names, counts, uri)
    return Result(verdict, len(counts.corrupt), int(challenger.confusion[-1].sum()))


def _count(request: Request, names: list[str], make_pipeline, file: str) -> Counts:
    shards = sorted(fileio.glob(os.path.join(request.split_uri, "*")))
    if not shards:
        raise Failure(
            f"Evaluator: split {request.split} has no files in {request.split_uri}. "
            "Check the split's expression in the configuration."
        )
    plan = Plan(
        models=request.models,
        class_names=tuple(names),
        split=request.split,
        image_feature=request.image_feature,
        label_feature=request.label_feature,
        mask_feature=request.mask_feature,
        label_is_bytes=request.label_is_bytes,
        batch_size=request.batch_size,
        shards=len(shards),
    )
    work = list(enumerate(shards))
    if make_pipeline is None:
        count_shard = CountShard(plan)
        shard_counts = (counts for shard in work for counts in count_shard.process(shard))
        counts = functools.reduce(lambda one, other: total([one, other]), shard_counts)
        _write_counts(counts, file)
    else:
        with make_pipeline() as pipeline:
            (
                pipeline
                | "Shards" >> beam.Create(work)
                | "Count" >> beam.ParDo(CountShard(plan))
                | "AddUp" >> beam.CombineGlobally(AddUp()).without_defaults()
                | "Write" >> beam.Map(_write_counts, file)
            )
        with fileio.open(file, "r") as text:
            counts = Counts.from_json(text.read())
    if counts.failure:
        raise Failure(counts.failure)
    return counts


def _write_counts(counts: Counts, file: str) -> None:
    with fileio.open(file, "w") as text:
        text.write(counts.to_json())
    worst_examples.write(counts.worst, os.path.dirname(file))


def _judge(request: Request, names: list[str], counts: Counts, uri: str) -> Verdict:
    # TFMA's names: one model has none, two are told apart.
    tfma_names = (
        [""] if len(counts.models) == 1 else [constants.CANDIDATE_KEY, constants.BASELINE_KEY]
    )
    by_name = dict(zip(tfma_names, counts.models.values(), strict=True))
    task = request.criteria.task
    target = request.label_feature if task == CLASSIFICATION else request.mask_feature
    values = {
        name: metrics.overall(count, counts.examples, task) for name, count in by_name.items()
    }
    config = tfma_result.eval_config(request.criteria, tfma_names, target, request.per_class)
    slices = tfma_result.sliced_metrics(
        by_name, values, names, target if request.per_class else None, task
    )
    # TFMA's word for a first model, which a change from the champion cannot stop.
    rubber_stamp = len(by_name) == 1 and bool(request.criteria.change)
    challenger, champion = [*values.values(), {}][:2]
    validation = tfma_result.validate(config, slices[0], rubber_stamp)
    if blessing.gives_no_numbers(challenger):
        validation.validation_ok = False
    locations = {name: place.path for name, place in zip(tfma_names, request.models, strict=True)}
    tfma_result.write(uri, config, slices, validation, request.split_uri, locations)
    return blessing.decide(validation, request.criteria, challenger, champion)
