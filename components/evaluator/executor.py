"""Evaluates a model from TFX's artifacts and fills TFX's artifacts."""

import math

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.champion_resolver.reading import read_note
from components.engine import EngineExecutor
from components.evaluator.plan import ModelPlace, Plan, joint_class_names
from components.model_store.layout import is_saved_model
from components.schema_gen import schema_files
from failures import Failure
from settings.data import Features
from settings.evaluation import Evaluation
from settings.preprocessing import Preprocessing


class Executor(EngineExecutor):
    """Evaluates the challenger and the champion, and blesses or does not; see `Evaluator`."""

    def Do(self, input_dict, output_dict, exec_properties):
        # TFMA takes seconds to import, which a run that is cached need not spend.
        from components.evaluator import blessing as blessing_files
        from components.evaluator.evaluation import evaluate

        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        split = exec_properties["split"]
        features = Features.model_validate_json(exec_properties["features"])
        models = _models(input_dict)
        result = evaluate(
            Plan(
                models=models,
                class_names=joint_class_names([place.class_names() for place in models]),
                split=split,
                features=features,
                label_is_bytes=_label_is_bytes(input_dict, features),
                batch_size=exec_properties["batch_size"],
            ),
            _split_uri(input_dict, split),
            Evaluation.model_validate_json(exec_properties["criteria"]),
            Preprocessing.model_validate_json(exec_properties["preprocessing"]),
            evaluation.uri,
            self.make_pipeline,
        )
        _describe(evaluation, result)
        blessing_files.write(blessing, result.verdict)
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing.set_string_custom_property("current_model", model.uri)
        blessing.set_int_custom_property("current_model_id", model.id)


def _split_uri(input_dict, split: str) -> str:
    try:
        return artifact_utils.get_split_uri(input_dict["examples"], split)
    except ValueError as error:
        raise Failure(
            f"Evaluator: the examples have no split {split!r}. "
            "Name one in the configuration's splits."
        ) from error


def _models(input_dict) -> tuple[ModelPlace, ...]:
    model = artifact_utils.get_single_instance(input_dict["model"])
    advice = "Run the Trainer again."
    places = [ModelPlace("challenger", path_utils.serving_model_path(model.uri), advice)]
    champion = artifact_utils.get_single_instance(input_dict["champion"])
    path = path_utils.serving_model_path(champion.uri)
    if is_saved_model(path):
        version, pushed = read_note(champion.uri)
        advice = f"It is version {version}: remove {pushed}, or set another push destination."
        places.append(ModelPlace("champion", path, advice))
    return tuple(places)


def _label_is_bytes(input_dict, features: Features) -> bool:
    if features.label is None:
        return False
    schema = schema_files.read(artifact_utils.get_single_uri(input_dict["schema"]))
    kinds = {feature.name: feature.type for feature in schema.feature}
    kind = kinds.get(features.label)
    if kind not in (schema_pb2.INT, schema_pb2.BYTES):
        raise Failure(
            f"Evaluator: the schema has no label {features.label!r} of type INT or BYTES. "
            f"Set label_feature to one of: {', '.join(sorted(kinds))}."
        )
    return kind == schema_pb2.BYTES


def _describe(evaluation, result) -> None:
    verdict = result.verdict
    values, champion = verdict.metrics, verdict.champion_metrics
    main, digits = ("mean_iou", 2) if "mean_iou" in values else ("accuracy", 4)
    scores = f"accuracy {values['accuracy']:.{digits}f}"
    if main == "mean_iou":
        scores = f"mean IoU {values[main]:.2f}, pixel {scores}"
    parts = [f"{scores} on {values['example_count']:,.0f} examples"]
    if champion:
        parts.append(f"champion {champion[main]:.{digits}f}")
    if result.dropped:
        parts.append(f"corrupt images dropped: {result.dropped:,}")
    if result.unknown_labels:
        parts.append(f"labels that no model knows: {result.unknown_labels:,}")
    evaluation.set_string_custom_property("summary", "; ".join(parts))
    of_champion = {f"champion_{name}": value for name, value in champion.items()}
    for name, value in (values | of_champion).items():
        if math.isfinite(value):  # ML Metadata stores nothing else.
            evaluation.set_float_custom_property(name, value)
    evaluation.set_int_custom_property("dropped_images", result.dropped)
    evaluation.set_int_custom_property("unknown_labels", result.unknown_labels)
