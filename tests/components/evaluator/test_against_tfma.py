"""The numbers are those that TFMA's own pipeline gives for the configuration that is written."""

import math

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator
from tensorflow_model_analysis.evaluators.metrics_validator import validate_metrics
from tensorflow_model_analysis.extractors import slice_key_extractor, unbatch_extractor
from tensorflow_model_analysis.metrics.metric_types import MetricKey
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer

from components.evaluator import tfma_result
from components.evaluator.bounds import bounds_of, decide
from settings.data import Features
from settings.evaluation import Evaluation
from tests.components.evaluator.brightness_model import LEVELS, example

# Beam's runner in this process; without a flag about packages TFX would pack its installation.
BEAM_ARGS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=none",
]

NAMES = tuple("abcdefghijkl")
MODELS = ("candidate", "baseline")


def tfma_metrics(config, labels, probabilities, folder):
    """Model to slice to metric to value, by TFMA from one extract an example."""
    extracts = {
        tfma.LABELS_KEY: dict.fromkeys(MODELS, labels[:, np.newaxis]),
        tfma.PREDICTIONS_KEY: dict(zip(MODELS, probabilities, strict=True)),
        tfma.FEATURES_KEY: {"label": np.array([[NAMES[label].encode()] for label in labels])},
    }
    extractors = [
        unbatch_extractor.UnbatchExtractor(),
        slice_key_extractor.SliceKeyExtractor(eval_config=config),
    ]
    evaluator = metrics_plots_and_validations_evaluator.MetricsPlotsAndValidationsEvaluator(config)
    writer = metrics_plots_and_validations_writer.MetricsPlotsAndValidationsWriter(
        {"metrics": str(folder / "metrics")}, config
    )
    with beam.Pipeline(options=PipelineOptions(BEAM_ARGS)) as pipeline:
        (
            pipeline
            | beam.Create([extracts])
            | tfma.ExtractAndEvaluate(extractors=extractors, evaluators=[evaluator])
            | tfma.WriteResults(writers=[writer])
        )
    return read(folder)


def read(folder):
    return {
        model: {
            key: {name: value for name, value in metrics[""][""].items() if "macro" not in name}
            for key, metrics in tfma.load_eval_result(str(folder), model_name=model).slicing_metrics
        }
        for model in MODELS
    }


def assert_same(ours, theirs):
    for name, value in theirs.items():
        if "doubleValue" in value:
            assert ours[name]["doubleValue"] == pytest.approx(value["doubleValue"], abs=1e-5), name
        else:
            assert ours[name] == value


@pytest.mark.slow
def test_every_metric_that_tfma_has_too_has_tfmas_value(workshop):
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 12, 60)
    seen = np.where(chance.random(60) < 0.7, labels, chance.integers(0, 12, 60))
    records = [
        example(NAMES[label].encode(), LEVELS * brightness)
        for label, brightness in zip(labels, seen, strict=True)
    ]
    model = workshop.model("m", NAMES)
    champion = workshop.champion(NAMES, answers=[*range(11), 0])
    result = workshop.evaluate(workshop.examples(records), model, champion, change={})

    probabilities = [
        tf.saved_model.load(f"{artifact.uri}/Format-Serving")
        .signatures["serve_examples"](examples=tf.constant(records))["probabilities"]
        .numpy()
        for artifact in (model, champion)
    ]
    config = tfma.load_eval_result(result.uri).config
    theirs = tfma_metrics(config, labels, probabilities, workshop.folder)
    ours = read(workshop.folder / "evaluation")
    for model_name in MODELS:
        assert set(ours[model_name]) == set(theirs[model_name])
        for key, metrics in theirs[model_name].items():
            # We write the confusion matrix once, over all classes.
            wanted = {n: v for n, v in metrics.items() if key == () or "matrix" not in n}
            assert_same(ours[model_name][key], wanted)


_names = st.sampled_from(["accuracy", "loss", "macro_f1"])
_values = st.sampled_from([0.0, 0.25, 0.5, 0.5 + 1e-10, 0.75, math.nan])
_metrics = st.fixed_dictionaries({"accuracy": _values, "loss": _values})
_limits = st.fixed_dictionaries({}, optional={"min": _values, "max": _values}).filter(
    lambda limits: limits and limits.get("min", 0) <= limits.get("max", 1)
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(_names, _limits), st.dictionaries(_names, _values.filter(math.isfinite)),
    _metrics, st.none() | _metrics,
)  # fmt: skip
def test_tfma_finds_the_same_bounds_broken(thresholds, allowed, challenger, champion):
    changes = {
        name: {"max_rise" if name == "loss" else "max_drop": value}
        for name, value in allowed.items()
    }
    evaluation = Evaluation.of(thresholds=thresholds, change=changes)
    bounds = list(bounds_of(evaluation, challenger, champion or {}))
    broken = [bound for bound in bounds if not bound.met]

    names = tfma_result.model_names(2 if champion else 1)
    config = tfma_result.eval_config(evaluation, Features(), names, bounds)
    del config.metrics_specs[0].metrics[:]  # TFMA would build each of them to learn its name.
    values = {}
    for model, metrics in zip(names, [challenger, champion], strict=False):
        for name, value in metrics.items():
            values[MetricKey(name, model_name=model, example_weighted=None)] = value
    if champion:
        for name, value in challenger.items():
            # Any number is progress from a nan, which TFMA takes for worse.
            better = math.inf if name == "accuracy" else -math.inf
            progress = math.isnan(champion[name]) and not math.isnan(value)
            key = MetricKey(name, model_name=names[0], example_weighted=None).make_diff_key()
            values[key] = better if progress else value - champion[name]
    theirs = validate_metrics(((), values), config)
    assert {(one.metric, one.is_change) for one in broken} == {
        (failure.metric_key.name, failure.metric_key.is_diff)
        for part in theirs.metric_validations_per_slice
        for failure in part.failures
    }
    assert theirs.validation_ok == (not broken)


def test_a_metric_that_fell_to_0_is_written_with_how_far_it_fell():
    evaluation = Evaluation.of(thresholds={}, change={"accuracy": {"max_drop": 0.1}})
    challenger, champion = {"accuracy": 0.0, "loss": 2.0}, {"accuracy": 0.8, "loss": 0.5}
    bounds = list(bounds_of(evaluation, challenger, champion))
    verdict = decide(evaluation, bounds, challenger, champion)
    validation = tfma_result.validation(evaluation, bounds, verdict)
    [part] = validation.metric_validations_per_slice
    [failure] = part.failures
    assert failure.metric_value.double_value.value == pytest.approx(-0.8)
