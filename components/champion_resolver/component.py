"""ChampionResolver: the model in service, as an input for the Evaluator."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.champion_resolver.driver import Driver
from components.champion_resolver.executor import Executor


class ChampionResolverSpec(component_spec.ComponentSpec):
    """Interface of ChampionResolver."""

    PARAMETERS = {"push_destination": component_spec.ExecutionParameter(type=str)}
    INPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}
    OUTPUTS = {"champion": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class ChampionResolver(base_component.BaseComponent):
    """Finds the model that a challenger has to be compared with.

    It reads the push destination and no metadata, so it is the same on every
    runner; a TFX Resolver does not run on open-source Kubeflow. The champion is
    the highest version or, for a challenger that is pushed already, the version
    before it: a run repeated after its push gets the same answer and is cached.

    Output `champion`: the SavedModel below `Format-Serving/`, and custom property
    `found` 1; no champion yet is a normal case with `found` 0 and no model.
    """

    SPEC_CLASS = ChampionResolverSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(self, model: channel.BaseChannel, push_destination: str):
        """Describes where to look.

        Args:
          model: the challenger, a Model.
          push_destination: folder with one folder a version, TensorFlow Serving's layout.
        """
        spec = ChampionResolverSpec(
            model=model,
            push_destination=push_destination,
            champion=channel_utils.as_channel([standard_artifacts.Model()]),
        )
        super().__init__(spec=spec)
