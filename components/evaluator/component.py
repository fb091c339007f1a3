"""Evaluator: a challenger's metrics against thresholds and against the champion."""

import json
from collections.abc import Mapping

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.evaluator.criteria import Criteria
from components.evaluator.executor import Executor
from components.evaluator.metric_names import CLASSIFICATION, SEGMENTATION

_BATCH_SIZE = 128


class EvaluatorSpec(component_spec.ComponentSpec):
    """Interface of Evaluator."""

    PARAMETERS = {"config": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "champion": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class Evaluator(base_beam_component.BaseBeamComponent):
    """Evaluates a model on raw Examples, through its own serving graph.

    The champion is evaluated beside it on the same Examples, through its own
    graph; image sizes, preprocessing and vocabularies may differ, labels are
    compared by name. Labels that a model does not know count as wrong.

    For segmentation it counts pixels; those of no class count nowhere.

    Output `evaluation`: the files of TFMA (`tfma.load_eval_result`), counts.json,
    class_names.json, and worst_examples.json with pictures of at most 12 examples:
    the mistakes of highest loss, or the images of lowest mean IoU. Custom
    properties: `summary`, each metric as a float (`accuracy`, `champion_accuracy`, …),
    `dropped_images`, `unknown_labels`.
    Output `blessing`: BLESSED or NOT_BLESSED and property `blessed`, as TFX has them;
    `summary` and blessing.json give the reasons; probabilities that are no numbers are
    always one. A model that is not blessed is no failure of the run.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        champion: channel.BaseChannel,
        schema: channel.BaseChannel,
        thresholds: Mapping[str, Mapping[str, float]] | None = None,
        change: Mapping[str, Mapping[str, float]] | None = None,
        per_class: bool = True,
        split: str = "test",
        image_feature: str = "image",
        label_feature: str | None = "label",
        mask_feature: str | None = None,
        on_corrupt_image: str = "fail",
        max_dropped: int = 0,
        batch_size: int = _BATCH_SIZE,
    ):
        """Describes what to evaluate.

        Args:
          examples: raw Examples with encoded images.
          model: the challenger.
          champion: what ChampionResolver found.
          schema: of the raw Examples; it tells the label's type.
          thresholds: metric to {"min": number, "max": number}, either or both.
          change: metric to {"max_drop": number} or, where lower is better,
            {"max_rise": number}: how far behind the champion it may be.
          per_class: whether to give the metrics of each class as slices.
          split: the split to evaluate on.
          image_feature: feature with the encoded image.
          label_feature: feature with the class, an integer or a name; not read beside masks.
          mask_feature: feature with the encoded mask; None: classification.
          on_corrupt_image: "fail" or "drop".
          max_dropped: how many corrupt images may be dropped.
          batch_size: examples predicted at once, > 0.

        Raises:
          Failure: a threshold names an unknown metric or bounds nothing.
        """
        task = CLASSIFICATION if mask_feature is None else SEGMENTATION
        criteria = Criteria(thresholds or {}, change or {}, task)
        config = {
            "thresholds": criteria.thresholds,
            "change": criteria.change,
            "per_class": per_class,
            "split": split,
            "image_feature": image_feature,
            "label_feature": label_feature,
            "mask_feature": mask_feature,
            "on_corrupt_image": on_corrupt_image,
            "max_dropped": max_dropped,
            "batch_size": batch_size,
        }
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            champion=champion,
            schema=schema,
            config=json.dumps(config, sort_keys=True),
            evaluation=channel_utils.as_channel([standard_artifacts.ModelEvaluation()]),
            blessing=channel_utils.as_channel([standard_artifacts.ModelBlessing()]),
        )
        super().__init__(spec=spec)
