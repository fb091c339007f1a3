"""Writes an evaluation as TensorFlow Model Analysis does.

`tfma.load_eval_result` and `tfma.load_validation_result` read these files. TFMA's own
pipeline would take one step in Python for each example, metric and slice, ten times as long;
it is replaced by sums over batches (counts.py).
"""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from scipy.sparse import csr_array
from tensorflow_model_analysis import constants, version
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.metrics import multi_class_confusion_matrix_metrics as matrices
from tensorflow_model_analysis.proto import config_pb2, validation_result_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as writer

from components.evaluator.bounds import ROUNDING, Bound
from components.evaluator.reading import Verdict
from components.tasks.evaluation import evaluation_of
from files import writing
from files.strict_json import text_of
from metrics import catalog
from metrics.counts import Counts
from settings.data import Features
from settings.evaluation import Evaluation

UNKNOWN_LABEL = "(in no vocabulary)"
MATRIX = matrices.MULTI_CLASS_CONFUSION_MATRIX_AT_THRESHOLDS_NAME


def model_names(number: int) -> list[str]:
    """TFMA's names of the challenger and the champion; a single model has none."""
    return [""] if number == 1 else [constants.CANDIDATE_KEY, constants.BASELINE_KEY]


def eval_config(
    evaluation: Evaluation, features: Features, models: Sequence[str], bounds: Sequence[Bound]
) -> config_pb2.EvalConfig:
    """The evaluation in TFMA's terms."""
    config = config_pb2.EvalConfig()
    target, task = features.target_feature, evaluation_of(features.task)
    for name in models:
        config.model_specs.add(
            name=name, label_key=target, is_baseline=name == constants.BASELINE_KEY
        )
    config.slicing_specs.add()
    if evaluation.per_class and task.OF_ONE_CLASS:
        config.slicing_specs.add(feature_keys=[target])
    spec = config.metrics_specs.add(model_names=models)
    for name, (class_name, arguments) in task.TFMA_METRICS.items():
        spec.metrics.add(class_name=class_name, config=text_of({"name": name, **arguments}))
    for metric in sorted({bound.metric for bound in bounds}):
        thresholds = spec.per_slice_thresholds[metric].thresholds.add()
        thresholds.slicing_specs.add()  # of all examples together
        for bound in bounds:
            if bound.metric == metric:
                thresholds.threshold.MergeFrom(_threshold(bound))
    return config


def _threshold(bound: Bound) -> config_pb2.MetricThreshold:
    threshold = config_pb2.MetricThreshold()
    if bound.is_change:
        better = config_pb2.HIGHER_IS_BETTER if bound.at_least else config_pb2.LOWER_IS_BETTER
        threshold.change_threshold.direction = better
        sign = -1 if bound.at_least else 1
        threshold.change_threshold.absolute.value = sign * (bound.allowed + ROUNDING)
    elif bound.at_least:
        threshold.value_threshold.lower_bound.value = bound.limit
    else:
        threshold.value_threshold.upper_bound.value = bound.limit
    return threshold


def sliced_metrics(
    counts: Mapping[str, Counts],
    overall: Mapping[str, Mapping[str, float]],
    class_names: Sequence[str],
    features: Features,
    per_class: bool,
) -> list[tuple[tuple, dict]]:
    """TFMA's (slice key, metrics) of the whole split and, if wanted, of each class.

    Args:
      counts: TFMA's model name to its counts, the candidate first.
      overall: TFMA's model name to its metrics over the whole split.
      class_names: (n,) names; examples with labels in none of them have a slice of their own.
      features: of the raw Examples; the target is the key of the slices.
      per_class: whether there is a slice for each class.
    """
    task, number = features.task, evaluation_of(features.task).OF_ONE_CLASS
    whole = {}
    for model, count in counts.items():
        whole |= {_key(name, model): value for name, value in overall[model].items()}
        if number:
            whole[_key(MATRIX, model)] = _confusion_matrix(count.confusion)
        for name, scores in catalog.per_class(count, task).items():
            for label, score in enumerate(scores):
                sub_key = metric_types.SubKey(class_id=label)
                whole[_key(name, model, sub_key)] = float(score)
    slices = [((), whole)]
    if per_class and number:
        of_models = {
            model: {number: count.by_label.astype(float)} | catalog.by_true_class(count, task)
            for model, count in counts.items()
        }
        for label in np.flatnonzero(next(iter(counts.values())).by_label):
            values = {
                _key(metric, model): float(scores[label])
                for model, of_model in of_models.items()
                if of_model[number][label]  # A model of smaller images may not see the class.
                for metric, scores in of_model.items()
            }
            name = [*class_names, UNKNOWN_LABEL][label]
            slices.append((((features.target_feature, name),), values))
    return [(key, values | _differences(values)) for key, values in slices]


def _key(name: str, model: str, sub_key=None) -> metric_types.MetricKey:
    # As TFMA names what it did not weigh itself.
    return metric_types.MetricKey(name, model_name=model, sub_key=sub_key, example_weighted=None)


def _confusion_matrix(confusion: csr_array) -> matrices.Matrices:
    pairs = confusion.tocoo()
    return matrices.Matrices(
        {
            0.0: {
                matrices.MatrixEntryKey(int(row), int(column)): float(number)
                for row, column, number in zip(pairs.row, pairs.col, pairs.data, strict=True)
            }
        }
    )


def _differences(values: dict) -> dict:
    """Candidate minus baseline, under TFMA's keys for differences."""
    return {
        key.make_diff_key(): value - values[key.make_baseline_key(constants.BASELINE_KEY)]
        for key, value in values.items()
        if key.model_name == constants.CANDIDATE_KEY
        and key.make_baseline_key(constants.BASELINE_KEY) in values
    }


def validation(
    evaluation: Evaluation, bounds: Sequence[Bound], verdict: Verdict
) -> validation_result_pb2.ValidationResult:
    """The verdict in TFMA's terms, with the bounds that are broken."""
    with_champion = bool(verdict.champion_metrics)
    result = validation_result_pb2.ValidationResult(
        validation_ok=verdict.blessed,
        # TFMA's word for a first model, which a change from the champion cannot stop.
        rubber_stamp=not with_champion and bool(evaluation.change),
        missing_thresholds=not evaluation.thresholds and not evaluation.change,
    )
    if bounds:
        details = result.validation_details.slicing_details.add(num_matching_slices=1)
        details.slicing_spec.SetInParent()
    if broken := [bound for bound in bounds if not bound.met]:
        whole = result.metric_validations_per_slice.add()
        whole.slice_key.SetInParent()
        for bound in broken:
            key = _key(bound.metric, model_names(1 + with_champion)[0])
            value = verdict.metrics.get(bound.metric)
            if bound.is_change:
                key = key.make_diff_key()
                value = None if value is None else value - bound.champion
            failure = whole.failures.add(metric_key=key.to_proto())
            if value is None:
                failure.message = "Metric not found."
            else:
                failure.metric_value.double_value.value = value
            failure.metric_threshold.CopyFrom(_threshold(bound))
    return result


def write(
    uri: str,
    config: config_pb2.EvalConfig,
    slices: Sequence[tuple[tuple, dict]],
    validated: validation_result_pb2.ValidationResult,
    data_location: str,
    model_locations: Mapping[str, str],
) -> None:
    """Writes the files of a TFMA evaluation below `uri`."""
    protos = [writer.convert_slice_metrics_to_proto(part, None) for part in slices]
    _write_records(os.path.join(uri, "metrics-00000-of-00001.tfrecord"), protos)
    _write_records(os.path.join(uri, "validations.tfrecord"), [validated])
    run = config_pb2.EvalRun(
        eval_config=config,
        version=version.VERSION,
        data_location=data_location,
        file_format="tfrecords",
        model_locations=model_locations,
    )
    writing.write(os.path.join(uri, "eval_config.json"), json_format.MessageToJson(run))


def _write_records(file: str, protos) -> None:
    with tf.io.TFRecordWriter(file) as records:
        for proto in protos:
            records.write(proto.SerializeToString())
