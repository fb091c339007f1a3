"""Trainer: from transformed Examples to a SavedModel."""

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.trainer.executor import Executor


class TrainerSpec(component_spec.ComponentSpec):
    """Inputs, parameters and outputs of `Trainer`."""

    PARAMETERS = {
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
        "hyperparameters": component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters, optional=True
        ),
    }
    OUTPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class Trainer(base_component.BaseComponent):
    """Trains a classifier of images, or of their pixels, and exports it behind its preprocessing.

    Args:
      transformed_examples: of Transform: `image` as height*width*channels raw uint8,
        and `label`, or `mask` as height*width raw uint8.
      transform_graph: of Transform.
      schema: of the raw Examples.
      image: the fields of `training_parameters.ImageParameters`.
      model: `name`, one of `models.names.MODEL_NAMES`, and that model's own parameters.
      training: the fields of `training_parameters.TrainingParameters`.
      augmentation: random changes of the training images; the keys of the configuration's
        section. Empty: none.
      input_parameters: the fields of `training_parameters.InputParameters`.
      input_report: the fields of `training_parameters.InputReportParameters`.
      seed: of weights and batches: the same seed gives the same model.
      checkpoint_dir: where a killed training finds what to go on from; None keeps nothing.
        The folder must outlive the execution, so it is no part of the artifacts.
      hyperparameters: of Tuner; they win over `model`, `training` and `augmentation`.

    Outputs: `model`, a SavedModel below `Format-Serving/`, and `model_run`, TensorBoard's logs
    with `history.json`.
    """

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        transformed_examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        image: Mapping[str, Any],
        model: Mapping[str, Any],
        training: Mapping[str, Any],
        augmentation: Mapping[str, Any] | None = None,
        input_parameters: Mapping[str, Any] | None = None,
        input_report: Mapping[str, Any] | None = None,
        seed: int = 0,
        checkpoint_dir: str | None = None,
        hyperparameters: types.BaseChannel | None = None,
    ):
        super().__init__(
            TrainerSpec(
                transformed_examples=transformed_examples,
                transform_graph=transform_graph,
                schema=schema,
                hyperparameters=hyperparameters,
                image=json.dumps(image, sort_keys=True),
                model_parameters=json.dumps(model, sort_keys=True),
                training=json.dumps(training, sort_keys=True),
                augmentation=json.dumps(augmentation or {}, sort_keys=True),
                input_parameters=json.dumps(input_parameters or {}, sort_keys=True),
                input_report=json.dumps(input_report or {}, sort_keys=True),
                seed=seed,
                checkpoint_dir=checkpoint_dir,
                model=types.Channel(type=standard_artifacts.Model),
                model_run=types.Channel(type=standard_artifacts.ModelRun),
            )
        )
