"""Evaluates a challenger, and the champion beside it, on raw Examples."""

import os

from components.engine import Engine, run_shards
from components.evaluator import own_metrics, tfma_result, worst_examples
from components.evaluator.bounds import bounds_of, decide
from components.evaluator.count_shard import CountShard
from components.evaluator.counts import SplitCounts
from components.evaluator.plan import Plan
from components.evaluator.reading import CLASS_NAMES_FILE, COUNTS_FILE, Verdict
from components.tasks.evaluation import evaluation_of
from components.transform.corrupt_images import enforce_policy
from failures import Failure
from files import writing
from files.places import files_in
from files.strict_json import text_of
from metrics import catalog
from settings.evaluation import Evaluation
from settings.preprocessing import Preprocessing


def evaluate(
    plan: Plan,
    split_uri: str,
    evaluation: Evaluation,
    preprocessing: Preprocessing,
    uri: str,
    engine: Engine | None = None,
) -> tuple[Verdict, SplitCounts]:
    """Counts, computes the metrics, compares them with their bounds and writes them.

    The ModelEvaluation's folder, `uri`, gets counts.json, class_names.json, whose positions are
    the class ids in all files, and worst_examples.json with its pictures beside TFMA's files.

    Raises:
      Failure: the split or a model cannot be used.
    """
    counts = _count(plan, split_uri, uri, engine)
    enforce_policy("Evaluator", counts.corrupt, preprocessing)
    challenger = counts.models[plan.models[0].name]
    if not counts.examples:
        raise Failure(
            f"Evaluator: split {plan.split} holds no examples that can be evaluated. "
            "Check the split's expression in the configuration."
        )
    if not challenger.total:
        what = evaluation_of(plan.features.task).NOTHING_COUNTED
        raise Failure(f"Evaluator: split {plan.split}: {what}")
    if not challenger.weighed.sum():
        raise Failure(
            f"Evaluator: split {plan.split}: every example has the weight 0 in "
            f"{plan.features.weight_feature!r}, and no loss can be measured. "
            "Correct the weights, or give the split examples that weigh more."
        )
    writing.write(os.path.join(uri, COUNTS_FILE), counts.to_json())
    writing.write(os.path.join(uri, CLASS_NAMES_FILE), text_of(plan.class_names))
    worst_examples.write(counts.worst, uri)
    return _judge(plan, split_uri, evaluation, counts, uri), counts


def _count(plan: Plan, split_uri: str, uri: str, engine) -> SplitCounts:
    shards = files_in(split_uri)
    if not shards:
        raise Failure(
            f"Evaluator: split {plan.split} has no files in {split_uri}. "
            "Check the split's expression in the configuration."
        )
    counts = SplitCounts.of(plan)
    reports = os.path.join(uri, "shards")
    try:
        for of_shard in run_shards(CountShard(plan), shards, reports, engine):
            counts += of_shard
    finally:
        writing.remove(reports)
    return counts


def _judge(plan: Plan, split_uri: str, evaluation: Evaluation, counts, uri: str) -> Verdict:
    names = tfma_result.model_names(len(plan.models))
    by_name = dict(zip(names, counts.models.values(), strict=True))
    overall = {
        name: {"example_count": float(counts.examples)}
        | catalog.overall(of_model, plan.features.task)
        | own_metrics.measure(evaluation, of_model, plan.class_names)
        for name, of_model in by_name.items()
    }
    challenger, champion = [*overall.values(), {}][:2]
    bounds = list(bounds_of(evaluation, challenger, champion))
    verdict = decide(evaluation, bounds, challenger, champion)
    tfma_result.write(
        uri,
        tfma_result.eval_config(evaluation, plan.features, names, bounds),
        tfma_result.sliced_metrics(
            by_name, overall, plan.class_names, plan.features, evaluation.per_class
        ),
        tfma_result.validation(evaluation, bounds, verdict),
        split_uri,
        {name: place.path for name, place in zip(names, plan.models, strict=True)},
    )
    return verdict
