"""Writes an evaluation as TensorFlow Model Analysis does, and has it validated by TFMA.

`tfma.load_eval_result` and `tfma.load_validation_result` read what lies here. TFMA's
own pipeline would take one step in Python for each example, metric and slice, ten
times as long; only its counting is replaced (counts.py), by sums over batches.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_model_analysis import constants, version
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.metrics import multi_class_confusion_matrix_metrics as matrices
from tensorflow_model_analysis.proto import config_pb2, validation_result_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as writer
from tfx.dsl.io import fileio

from components.evaluator import metrics
from components.evaluator.counts import TOP, ModelCounts
from components.evaluator.criteria import Criteria
from components.evaluator.metric_names import CLASSIFICATION, DIRECTIONS, HIGHER_IS_BETTER

UNKNOWN_LABEL = "(in no vocabulary)"
_ROUNDING = 1e-9  # Equal accuracies of different sums of batches differ by less.
_MATRIX = matrices.MULTI_CLASS_CONFUSION_MATRIX_AT_THRESHOLDS_NAME
# TFMA's own metrics of the same meaning, so that the configuration says what was measured.
# For segmentation the examples of all but the first are pixels.
_TFMA_METRICS = {
    "example_count": ("ExampleCount", {}),
    "accuracy": ("SparseCategoricalAccuracy", {}),
    "loss": ("SparseCategoricalCrossentropy", {}),
    _MATRIX: ("MultiClassConfusionMatrixAtThresholds", {"thresholds": [0.0]}),
}
_OF_IMAGES = {f"top_{TOP}_accuracy": ("SparseTopKCategoricalAccuracy", {"k": TOP})}


def eval_config(
    criteria: Criteria, models: Sequence[str], target: str, per_class: bool
) -> config_pb2.EvalConfig:
    """The evaluation in TFMA's terms.

    Args:
      criteria: bounds on the metrics over the whole split.
      models: [""], or the candidate's and the baseline's names.
      target: name of the feature that holds the class, or the mask of classes.
      per_class: whether there is a slice for each class.
    """
    config = config_pb2.EvalConfig()
    for name in models:
        config.model_specs.add(
            name=name, label_key=target, is_baseline=name == constants.BASELINE_KEY
        )
    config.slicing_specs.add()
    if per_class:
        config.slicing_specs.add(feature_keys=[target])
    spec = config.metrics_specs.add(model_names=models)
    named = _TFMA_METRICS | (_OF_IMAGES if criteria.task == CLASSIFICATION else {})
    for name, (class_name, arguments) in named.items():
        spec.metrics.add(class_name=class_name, config=json.dumps({"name": name, **arguments}))
    with_champion = len(models) > 1
    for metric in sorted({*criteria.thresholds, *(criteria.change if with_champion else ())}):
        thresholds = spec.per_slice_thresholds[metric].thresholds.add()
        thresholds.slicing_specs.add()  # of all examples together
        _set_bounds(thresholds.threshold, metric, criteria, with_champion)
    return config


def _set_bounds(threshold, metric: str, criteria: Criteria, with_champion: bool) -> None:
    limits = criteria.thresholds.get(metric, {})
    if limits.get("min") is not None:
        threshold.value_threshold.lower_bound.value = limits["min"]
    if limits.get("max") is not None:
        threshold.value_threshold.upper_bound.value = limits["max"]
    if not with_champion or metric not in criteria.change:
        return
    allowed = criteria.allowed_change(metric) + _ROUNDING
    higher = DIRECTIONS[metric] == HIGHER_IS_BETTER
    direction = config_pb2.HIGHER_IS_BETTER if higher else config_pb2.LOWER_IS_BETTER
    threshold.change_threshold.direction = direction
    threshold.change_threshold.absolute.value = -allowed if higher else allowed


def sliced_metrics(
    counts: Mapping[str, ModelCounts],
    overall: Mapping[str, Mapping[str, float]],
    class_names: Sequence[str],
    target: str | None,
    task: str,
) -> list[tuple[tuple, dict]]:
    """TFMA's (slice key, metrics) of the whole split and, if wanted, of each class.

    Args:
      counts: TFMA's model name to its counts, the candidate first.
      overall: TFMA's model name to its metrics over the whole split.
      class_names: (n,) names; examples with labels in none of them have a slice of their own.
      target: the feature that the slices' keys name; None: no slices.
      task: of metric_names.py.
    """
    whole = {}
    for model, count in counts.items():
        whole |= {_key(name, model): value for name, value in overall[model].items()}
        whole[_key(_MATRIX, model)] = _confusion_matrix(count.confusion)
        for name, scores in metrics.per_class(count, task).items():
            sub_keys = (metric_types.SubKey(class_id=label) for label in range(len(scores)))
            whole |= {
                _key(name, model, sub_key): float(score)
                for sub_key, score in zip(sub_keys, scores, strict=True)
            }
    slices = [((), whole)]
    labels = next(iter(counts.values())).confusion.sum(axis=1)  # (n + 1,) examples
    for label in np.flatnonzero(labels) if target else ():
        name = [*class_names, UNKNOWN_LABEL][label]
        values = {
            _key(metric, model): value
            for model, count in counts.items()
            if count.confusion[label].any()  # a model of smaller images may not see the class
            for metric, value in metrics.of_class(count, label, task).items()
        }
        slices.append((((target, name),), values))
    return [(key, values | _differences(values)) for key, values in slices]


def _key(name: str, model: str, sub_key=None) -> metric_types.MetricKey:
    # As TFMA names what it did not weigh itself; thresholds are looked up by the same key.
    return metric_types.MetricKey(name, model_name=model, sub_key=sub_key, example_weighted=None)


def _confusion_matrix(confusion: np.ndarray) -> matrices.Matrices:
    actual, predicted = np.nonzero(confusion)
    return matrices.Matrices(
        {
            0.0: {
                matrices.MatrixEntryKey(int(row), int(column)): float(confusion[row, column])
                for row, column in zip(actual, predicted, strict=True)
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


def validate(
    config: config_pb2.EvalConfig, whole: tuple[tuple, dict], rubber_stamp: bool
) -> validation_result_pb2.ValidationResult:
    """TFMA's verdict on the metrics over the whole split.

    Args:
      config: what `eval_config` made.
      whole: the first of `sliced_metrics`.
      rubber_stamp: whether no threshold at all is no reason against the model.
    """
    bounds = config_pb2.EvalConfig()
    bounds.CopyFrom(config)
    del bounds.metrics_specs[0].metrics[:]  # TFMA would build each of them to learn its name.
    combine = writer.CombineValidations(bounds, rubber_stamp=rubber_stamp)
    key, values = whole
    checked = metrics_validator.validate_metrics((key, _comparable(values)), bounds)
    return combine.extract_output(combine.add_input(combine.create_accumulator(), checked))


def _comparable(values: dict) -> dict:
    """The metrics with infinite progress where the baseline's is no number and the candidate's is.

    Whatever is compared with no number is false, and no model would ever be good enough.
    """
    infinite = {
        key: math.inf if DIRECTIONS[key.name] == HIGHER_IS_BETTER else -math.inf
        for key, value in values.items()
        if key.is_diff
        and key.name in DIRECTIONS
        and math.isnan(value)
        and not math.isnan(values[key._replace(is_diff=False)])
    }
    return values | infinite


def write(
    uri: str,
    config: config_pb2.EvalConfig,
    slices: Sequence[tuple[tuple, dict]],
    validation: validation_result_pb2.ValidationResult,
    data_location: str,
    model_locations: Mapping[str, str],
) -> None:
    """Writes the files of a TFMA evaluation below `uri`."""
    protos = [writer.convert_slice_metrics_to_proto(part, None) for part in slices]
    _write_records(os.path.join(uri, "metrics-00000-of-00001.tfrecord"), protos)
    _write_records(os.path.join(uri, "validations.tfrecord"), [validation])
    run = config_pb2.EvalRun(
        eval_config=config,
        version=version.VERSION,
        data_location=data_location,
        file_format="tfrecords",
        model_locations=model_locations,
    )
    with fileio.open(os.path.join(uri, "eval_config.json"), "w") as text:
        text.write(json_format.MessageToJson(run))


def _write_records(file: str, protos) -> None:
    with tf.io.TFRecordWriter(file) as records:
        for proto in protos:
            records.write(proto.SerializeToString())
