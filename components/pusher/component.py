"""Pusher: a blessed model becomes the next version of the push destination."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, channel_utils, component_spec, standard_artifacts

from components.pusher.driver import Driver
from components.pusher.executor import Executor


class PusherSpec(component_spec.ComponentSpec):
    """Interface of Pusher."""

    PARAMETERS = {"push_destination": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "infra_blessing": component_spec.ChannelParameter(
            type=standard_artifacts.InfraBlessing, optional=True
        ),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Pushes a blessed model to `<push_destination>/<version>/`.

    Versions count up from 1, one higher than the highest that is there. A version appears in
    one step, so a server that reads the folder never sees half a model. A model that is there
    already, because a run was killed after its push, is found by its content and not pushed
    twice. Beside the model is steadyfeed.json, which records what made it; TensorFlow Serving
    ignores it.

    Output `pushed_model`: custom properties as TFX sets them: `pushed` (0 or 1) and, when
    pushed, `pushed_destination` (the version's folder) and `pushed_version`; and
    `fingerprint` of the model. `summary` says why a model was not pushed.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        model: channel.BaseChannel,
        blessing: channel.BaseChannel,
        push_destination: str,
        infra_blessing: channel.BaseChannel | None = None,
    ):
        """Describes what to push where.

        Args:
          model: a Model.
          blessing: the Evaluator's ModelBlessing of that model.
          push_destination: folder that a model server reads.
          infra_blessing: ServingCheck's, or an InfraValidator's; None requires none.
        """
        super().__init__(
            PusherSpec(
                model=model,
                blessing=blessing,
                infra_blessing=infra_blessing,
                push_destination=push_destination,
                pushed_model=channel_utils.as_channel([standard_artifacts.PushedModel()]),
            )
        )
