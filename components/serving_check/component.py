"""ServingCheck: a model serves in a process of its own before it is pushed."""

import json

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.serving_check.executor import Executor


class ServingCheckSpec(component_spec.ComponentSpec):
    """Interface of ServingCheck."""

    PARAMETERS = {"config": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "champion": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {
        "infra_blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)
    }


class ServingCheck(base_component.BaseComponent):
    """Sends a model real requests and compares what it answers with what the Trainer did.

    TFX's InfraValidator needs Docker; this needs TensorFlow's C library, which loads
    a model as TensorFlow Serving does, in a fresh process without any Python but the
    standard library's. Where `tensorflow_model_server` is on PATH it is used instead, over
    REST and gRPC.

    Output `infra_blessing`: INFRA_BLESSED or INFRA_NOT_BLESSED and property `blessed`, as
    TFX has them; `summary` and serving.json give the causes, latency and memory. A
    model that does not serve is not pushed, and is no failure of the run.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        champion: channel.BaseChannel,
        split: str = "test",
        image_feature: str = "image",
        max_latency_ms: float | None = None,
        max_slowdown: float | None = 5.0,
        max_memory_mb: float | None = None,
        large_batch: int = 64,
    ):
        """Describes what to ask of the model.

        Args:
          examples: raw Examples with encoded images.
          model: the challenger.
          champion: what ChampionResolver found; its latency is measured beside.
          split: the split that requests are taken from.
          image_feature: feature with the encoded image.
          max_latency_ms: bound on the p99 of a request of one image; None: none.
          max_slowdown: how many times the champion's median latency is allowed; None: any.
          max_memory_mb: bound on the serving process's peak, in MiB; None: none.
          large_batch: requests in the large batch, > 0.
        """
        config = {
            "split": split,
            "image_feature": image_feature,
            "max_latency_ms": max_latency_ms,
            "max_slowdown": max_slowdown,
            "max_memory_mb": max_memory_mb,
            "large_batch": large_batch,
        }
        spec = ServingCheckSpec(
            examples=examples,
            model=model,
            champion=champion,
            config=json.dumps(config, sort_keys=True),
            infra_blessing=channel_utils.as_channel([standard_artifacts.InfraBlessing()]),
        )
        super().__init__(spec=spec)
