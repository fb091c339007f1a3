"""Evaluator: a challenger's metrics against thresholds and against the champion."""

from typing import Any

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.evaluator.executor import Executor
from components.typed_component import in_json
from failures import Failure
from settings.data import Features
from settings.evaluation import Evaluation
from settings.preprocessing import Preprocessing

_SECTIONS = {"criteria": Evaluation, "features": Features, "preprocessing": Preprocessing}


class EvaluatorSpec(component_spec.ComponentSpec):
    """Interface of Evaluator."""

    PARAMETERS = {
        **{name: component_spec.ExecutionParameter(type=str) for name in (*_SECTIONS, "split")},
        "batch_size": component_spec.ExecutionParameter(type=int),
    }
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

    The champion is evaluated beside it on the same Examples, through its own graph. Image
    sizes, preprocessing and vocabularies may differ; labels are compared by name. Labels that
    a model does not know count as wrong. For segmentation it counts pixels; those of no class
    count nowhere.

    Output `evaluation`: the files of TFMA (`tfma.load_eval_result`), counts.json,
    class_names.json, and worst_examples.json with pictures of at most 12 examples: the
    mistakes of highest loss, or the images of lowest mean IoU. Custom properties: `summary`,
    each metric as a float (`accuracy`, `champion_accuracy`, …), `dropped_images`,
    `unknown_labels`.
    Output `blessing`: BLESSED or NOT_BLESSED and property `blessed`, as in TFX; `summary` and
    blessing.json give the reasons. A model that answers with nan is never blessed. The run
    goes on when a model is not blessed.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        champion: channel.BaseChannel,
        schema: channel.BaseChannel,
        *,
        split: str = "test",
        batch_size: int = 128,
        **sections: Any,
    ):
        """Describes what to evaluate.

        Args:
          examples: raw Examples with encoded images.
          model: the challenger.
          champion: what ChampionResolver found.
          schema: of the raw Examples; it gives the label's type.
          split: the split to evaluate on.
          batch_size: examples predicted at once, > 0.
          sections: `criteria`, an Evaluation: what a model must reach; `features`, a
            Features: what is read of an Example; `preprocessing`, a Preprocessing: what
            happens to corrupt images. Or instead of a section its keys, such as
            `thresholds={"accuracy": {"min": 0.9}}`.

        Raises:
          Failure: a section refuses a key, or a bound is on a metric of another task.
        """
        given = in_json(sections, _SECTIONS)
        task = Features.model_validate_json(given["features"]).task
        for mistake in Evaluation.model_validate_json(given["criteria"]).not_measured(task):
            raise Failure("Evaluator: {}.{}: {}".format(*mistake))
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            champion=champion,
            schema=schema,
            split=split,
            batch_size=batch_size,
            evaluation=channel_utils.as_channel([standard_artifacts.ModelEvaluation()]),
            blessing=channel_utils.as_channel([standard_artifacts.ModelBlessing()]),
            **given,
        )
        super().__init__(spec=spec)
