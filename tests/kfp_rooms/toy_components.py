"""A small pipeline with all that crosses a step's border: splits, blessings, optional inputs."""

import json
import os

import apache_beam as beam
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base import (
    base_beam_component,
    base_beam_executor,
    base_component,
    base_executor,
)
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec, ExecutorClassSpec
from tfx.dsl.io import fileio
from tfx.types import Channel, artifact_utils, component_spec, standard_artifacts

from failures import Failure


def read(uri):
    return fileio.open(uri, "r").read()


def write(uri, text):
    fileio.makedirs(os.path.dirname(uri))
    with fileio.open(uri, "w") as file:
        file.write(text)


class FromKeywords:
    """A component whose inputs and parameters are keywords."""

    def __init__(self, **given):
        made = {key: Channel(type=out.type) for key, out in self.SPEC_CLASS.OUTPUTS.items()}
        super().__init__(self.SPEC_CLASS(**given, **made))


class CountExecutor(base_executor.BaseExecutor):
    """Writes the numbers 1 to `count`, each times `scale`, into two splits."""

    def Do(self, input_dict, output_dict, exec_properties):
        assert input_dict == {}
        assert type(exec_properties["count"]) is int
        [examples] = output_dict["examples"]
        examples.split_names = artifact_utils.encode_split_names(["train", "test"])
        examples.span = 7
        examples.set_string_custom_property("summary", f"{exec_properties['count']} numbers")
        examples.set_json_value_custom_property("shape", [28, 28])
        examples.set_json_value_custom_property("classes", {"label": ["cat", "dog"]})
        factor = exec_properties["scale"] * json.loads(exec_properties["settings"])["factor"]
        numbers = [str(n * factor) for n in range(1, exec_properties["count"] + 1)]
        for split in ("train", "test"):
            write(artifact_utils.get_split_uri([examples], split) + "/data", "\n".join(numbers))


class CountSpec(component_spec.ComponentSpec):
    PARAMETERS = {
        "count": component_spec.ExecutionParameter(type=int),
        "scale": component_spec.ExecutionParameter(type=float),
        "settings": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {}
    OUTPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}


class Count(FromKeywords, base_component.BaseComponent):
    SPEC_CLASS = CountSpec
    EXECUTOR_SPEC = ExecutorClassSpec(CountExecutor)


class AddExecutor(base_beam_executor.BaseBeamExecutor):
    """Adds the numbers of the train split up, in Beam."""

    def Do(self, input_dict, output_dict, exec_properties):
        [examples] = input_dict["examples"]
        assert artifact_utils.decode_split_names(examples.split_names) == ["train", "test"]
        assert examples.span == 7
        assert examples.get_json_value_custom_property("shape") == [28, 28]
        assert examples.get_json_value_custom_property("classes") == {"label": ["cat", "dog"]}
        [model] = output_dict["model"]
        numbers = read(artifact_utils.get_split_uri([examples], "train") + "/data").split()
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | beam.Create([float(n) for n in numbers])
                | beam.CombineGlobally(sum)
                | beam.Map(lambda total: write(f"{model.uri}/total", str(total)))
            )


class AddSpec(component_spec.ComponentSpec):
    PARAMETERS = {}
    INPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class Add(FromKeywords, base_beam_component.BaseBeamComponent):
    SPEC_CLASS = AddSpec
    EXECUTOR_SPEC = BeamExecutorSpec(AddExecutor)


class JudgeExecutor(base_executor.BaseExecutor):
    """Blesses a total of at least `least`; fails below 0."""

    def Do(self, input_dict, output_dict, exec_properties):
        [model] = input_dict["model"]
        total = float(read(f"{model.uri}/total"))
        if total < 0:
            raise Failure(f"the total is {total}, below 0. Give a positive scale.")
        [blessing] = output_dict["blessing"]
        blessed = total >= exec_properties["least"]
        blessing.set_int_custom_property("blessed", int(blessed))
        blessing.set_int_custom_property("current_model_id", model.id)
        blessing.set_float_custom_property("total", total)
        write(f"{blessing.uri}/{'BLESSED' if blessed else 'NOT_BLESSED'}", "")


class JudgeSpec(component_spec.ComponentSpec):
    PARAMETERS = {"least": component_spec.ExecutionParameter(type=int)}
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "champion": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing)}


class Judge(FromKeywords, base_component.BaseComponent):
    SPEC_CLASS = JudgeSpec
    EXECUTOR_SPEC = ExecutorClassSpec(JudgeExecutor)


class PushExecutor(base_executor.BaseExecutor):
    """Copies the total to `destination` and, as some pushers do, moves its artifact's uri there."""

    def Do(self, input_dict, output_dict, exec_properties):
        assert input_dict["blessing"][0].get_int_custom_property("blessed") == 1
        [pushed] = output_dict["pushed"]
        write(
            f"{exec_properties['destination']}/total", read(input_dict["model"][0].uri + "/total")
        )
        pushed.uri = exec_properties["destination"]


class PushSpec(component_spec.ComponentSpec):
    PARAMETERS = {"destination": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {"pushed": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class Push(FromKeywords, base_component.BaseComponent):
    SPEC_CLASS = PushSpec
    EXECUTOR_SPEC = ExecutorClassSpec(PushExecutor)


@component
def Serve(
    pushed: InputArtifact[standard_artifacts.PushedModel],
    answer: OutputArtifact[standard_artifacts.InferenceResult],
):
    """Reads what was pushed: it is only there if the uri that was moved came home."""
    answer.set_string_custom_property("summary", f"serves {read(pushed.uri + '/total')}")
