"""Tuner: from transformed Examples and a search space to the best hyperparameters."""

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.tuner.executor import Executor
from components.tuner.search_space import weights_tried


class TunerSpec(component_spec.ComponentSpec):
    """Inputs, parameters and outputs of `Tuner`."""

    PARAMETERS = {
        "tuner": component_spec.ExecutionParameter(type=str),
        "image": component_spec.ExecutionParameter(type=str),
        "model_parameters": component_spec.ExecutionParameter(type=str),
        "training": component_spec.ExecutionParameter(type=str),
        "augmentation": component_spec.ExecutionParameter(type=str),
        "input_parameters": component_spec.ExecutionParameter(type=str),
        "input_report": component_spec.ExecutionParameter(type=str),
        "seed": component_spec.ExecutionParameter(type=int),
        "checkpoint_dir": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        "transformed_examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "transform_graph": component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        "best_hyperparameters": component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters
        ),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults),
    }


class Tuner(base_component.BaseComponent):
    """Searches with KerasTuner for the values with which Trainer's training ends best.

    Args:
      transformed_examples, transform_graph, schema: as of `Trainer`.
      tuner: the fields of `tuner_parameters.TunerParameters`.
      image, model, training, augmentation, input_parameters, seed: as of `Trainer`; what the
        search space does not name stays as it is here.
      checkpoint_dir: where a killed search, and the trial in it, find what to go on from.

    Outputs: `best_hyperparameters` for Trainer, and `tuner_results`: `tuner_results.json`, and
    below `trials/` TensorBoard's logs of each.
    """

    SPEC_CLASS = TunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        transformed_examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        tuner: Mapping[str, Any],
        image: Mapping[str, Any],
        model: Mapping[str, Any],
        training: Mapping[str, Any],
        augmentation: Mapping[str, Any] | None = None,
        input_parameters: Mapping[str, Any] | None = None,
        seed: int = 0,
        checkpoint_dir: str | None = None,
    ):
        super().__init__(
            TunerSpec(
                transformed_examples=transformed_examples,
                transform_graph=transform_graph,
                schema=schema,
                tuner=json.dumps(tuner, sort_keys=True),
                image=json.dumps(image, sort_keys=True),
                model_parameters=json.dumps(model, sort_keys=True),
                training=json.dumps(training, sort_keys=True),
                augmentation=json.dumps(augmentation or {}, sort_keys=True),
                input_parameters=json.dumps(input_parameters or {}, sort_keys=True),
                # A report of each trial's input would be one too many.
                input_report=json.dumps({"enabled": False}),
                seed=seed,
                checkpoint_dir=checkpoint_dir,
                best_hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
                tuner_results=types.Channel(type=standard_artifacts.TunerResults),
            )
        )
        weights = weights_tried(tuner["search_space"])
        if weights:
            # No executor reads it: the cache key does. Another content is another search.
            self.executor_spec.add_extra_flags([f"--weights-tried={','.join(weights)}"])
