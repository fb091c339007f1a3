"""Evaluator: a challenger's metrics against thresholds and against the champion."""

import dataclasses
import math
import os

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing, ModelEvaluation, Schema
from tfx.utils import path_utils

from components.champion_resolver.reading import read_note
from components.engine import Engine
from components.evaluator.plan import ModelPlace, Plan
from components.evaluator.reading import BLESSING_FILE, Verdict
from components.examples.counted import check_read
from components.model_store.layout import is_saved_model
from components.own_code_flag import own_code_flags
from components.schema_gen import schema_files
from components.split_messages import split_folder
from components.tasks.evaluation import evaluation_of
from components.trainer.temperature import Calibration
from components.typed_component import component
from failures import Failure
from files import writing
from files.strict_json import text_of
from settings.data import Features
from settings.evaluation import Evaluation
from settings.preprocessing import Preprocessing


def _check_bounds(criteria: Evaluation, features: Features, **_) -> None:
    for mistake in criteria.not_measured(features.task):
        raise Failure("Evaluator: {}.{}: {}".format(*mistake))


def _counts(criteria: Evaluation) -> list[str]:
    return own_code_flags(criteria.own_modules)


@component(check=_check_bounds, counts=_counts)
def Evaluator(
    examples: InputArtifact[Examples],
    model: InputArtifact[Model],
    champion: InputArtifact[Model],
    schema: InputArtifact[Schema],
    evaluation: OutputArtifact[ModelEvaluation],
    blessing: OutputArtifact[ModelBlessing],
    criteria: Evaluation,
    features: Features,
    preprocessing: Preprocessing,
    split: Parameter[str] = "test",
    batch_size: Parameter[int] = 128,
    engine: Engine | None = None,
):
    """Evaluates a model on raw Examples, through its own serving graph.

    The champion is evaluated beside it on the same Examples, through its own graph. Image
    sizes, preprocessing and vocabularies may differ; classes are compared by name. Which class a
    raw label or a mask's pixel value is, the challenger says, and the champion only where the
    challenger knows none. Labels that a model does not know count as wrong. With several labels,
    each class is counted by itself. For segmentation it counts pixels; those of no class count
    nowhere. A model that answers with nan is never blessed. The run goes on when a model is not
    blessed.

    Args:
      examples: raw Examples with encoded images; their schema gives the label's type.
      model, champion: the challenger, and what ChampionResolver found.
      evaluation: the files of TFMA (`tfma.load_eval_result`), counts.json, class_names.json, and
        worst_examples.json with pictures of at most 12 examples: the mistakes of highest loss,
        or the images of lowest mean IoU. Custom properties: `summary`, each metric as a float
        (`accuracy`, `champion_accuracy`, …), `dropped_images`, `unknown_labels`.
      blessing: BLESSED or NOT_BLESSED and property `blessed`, as in TFX; `summary` and
        blessing.json give the reasons.
      criteria: what a model must reach, as in `thresholds={"accuracy": {"min": 0.9}}`.
      preprocessing: what happens to corrupt images.
      batch_size: the most examples of a call of the models, > 0; fewer where images are large.
        Two calls run at once; on more cores, more calls with as many examples in all.

    Raises:
      Failure: a bound is on a metric of another task, the split or a model cannot be used, or
        examples of the split are missing.
    """
    # TFMA takes seconds to import, which a run that is cached need not spend.
    from components.evaluator.evaluation import evaluate

    models = _models(model, champion)
    calibration = Calibration.read(model.uri)
    verdict, counts = evaluate(
        Plan(
            models=models,
            class_names=tuple(
                dict.fromkeys(name for place in models for name in place.class_names())
            ),
            split=split,
            features=features,
            label_is_bytes=_label_is_bytes(schema, features),
            batch_size=batch_size,
            temperature=calibration.temperature if calibration else 1.0,
        ),
        split_folder(examples, split, "Evaluator"),
        criteria,
        preprocessing,
        evaluation.uri,
        engine,
    )
    seen = counts.examples + len(counts.corrupt)
    check_read("Evaluator", examples, {split: seen})
    _describe(evaluation, features.task, verdict, counts)
    _bless(blessing, verdict)
    blessing.set_string_custom_property("current_model", model.uri)
    blessing.set_int_custom_property("current_model_id", model.id)


def _models(model, champion) -> tuple[ModelPlace, ...]:
    advice = "Run the Trainer again."
    places = [ModelPlace("challenger", path_utils.serving_model_path(model.uri), advice)]
    path = path_utils.serving_model_path(champion.uri)
    if is_saved_model(path):
        version, pushed = read_note(champion.uri)
        advice = f"It is version {version}: remove {pushed}, or set another push destination."
        places.append(ModelPlace("champion", path, advice))
    return tuple(places)


def _label_is_bytes(schema, features: Features) -> bool:
    if features.label is None:
        return False
    kinds = {feature.name: feature.type for feature in schema_files.read(schema.uri).feature}
    kind = kinds.get(features.label)
    if kind not in (schema_pb2.INT, schema_pb2.BYTES):
        raise Failure(
            f"Evaluator: the schema has no label {features.label!r} of type INT or BYTES. "
            f"Set label_feature to one of: {', '.join(sorted(kinds))}."
        )
    return kind == schema_pb2.BYTES


def _bless(blessing, verdict: Verdict) -> None:
    """Fills a ModelBlessing artifact.

    BLESSED or NOT_BLESSED and the property `blessed` are TFX's convention; blessing.json
    holds the reasons and metrics for readers that get files without properties.
    """
    text = text_of(dataclasses.asdict(verdict), indent=2)
    writing.write(os.path.join(blessing.uri, BLESSING_FILE), text)
    name = "BLESSED" if verdict.blessed else "NOT_BLESSED"
    writing.write(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property("blessed", int(verdict.blessed))
    summary = "blessed" if verdict.blessed else f"not blessed: {'; '.join(verdict.reasons)}"
    blessing.set_string_custom_property("summary", summary)


def _describe(evaluation, task: str, verdict, counts) -> None:
    dropped = len(counts.corrupt)
    unknown = counts.models["challenger"].unknown
    values, champion = verdict.metrics, verdict.champion_metrics
    scores, main, digits = evaluation_of(task).summary(values)
    parts = [f"{scores} on {values['example_count']:,.0f} examples"]
    if champion:
        parts.append(f"champion {champion[main]:.{digits}f}")
    if dropped:
        parts.append(f"corrupt images dropped: {dropped:,}")
    if unknown:
        parts.append(f"labels that no model knows: {unknown:,}")
    evaluation.set_string_custom_property("summary", "; ".join(parts))
    of_champion = {f"champion_{name}": value for name, value in champion.items()}
    for name, value in (values | of_champion).items():
        if math.isfinite(value):  # ML Metadata stores nothing else.
            evaluation.set_float_custom_property(name, value)
    evaluation.set_int_custom_property("dropped_images", dropped)
    evaluation.set_int_custom_property("unknown_labels", unknown)
