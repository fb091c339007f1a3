"""A function is a component that takes sections, whole or by their keys."""

import json

import pytest
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.components.base import base_beam_component
from tfx.types import channel, standard_artifacts
from tfx.types.standard_artifacts import Model, Schema

from components.tuner.component import Tuner
from components.typed_component import component, in_json
from failures import Failure
from settings.preprocessing import Preprocessing
from settings.serving import Serving
from settings.training import Training
from settings.tuner import Tried
from settings.tuner import Tuner as Search
from settings.validation import Validation


@component
def Example(
    schema: InputArtifact[Schema],
    model: OutputArtifact[Model],
    preprocessing: Preprocessing,
    validation: Validation,
    seed: Parameter[int] = 7,
):
    """Notes what it was given."""
    given = [schema.uri, preprocessing.shape, validation.max_anomalies, seed]
    model.set_string_custom_property("given", json.dumps(given))


def make(**arguments):
    return Example(schema=channel.Channel(type=standard_artifacts.Schema), **arguments)


def run(made):
    schema, model = standard_artifacts.Schema(), standard_artifacts.Model()
    schema.uri = "here"
    outputs = {"model": [model]}
    made.executor_spec.executor_class().Do({"schema": [schema]}, outputs, made.exec_properties)
    return json.loads(outputs["model"][0].get_string_custom_property("given"))


def test_a_section_arrives_whole_in_the_function():
    made = make(preprocessing=Preprocessing(height=8, width=9), validation=Validation())
    assert run(made) == ["here", [8, 9, 3], 0, 7]


def test_the_keys_of_a_section_serve_as_well_and_the_defaults_fill_the_rest():
    assert run(make(height=8, width=9, max_anomalies=2, seed=1)) == ["here", [8, 9, 3], 2, 1]
    whole = make(preprocessing=Preprocessing(height=8, width=9), max_anomalies=2)
    assert whole.exec_properties == make(height=8, width=9, max_anomalies=2).exec_properties


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 8}, "Preprocessing: width: missing"),
        ({"height": 8, "width": 1}, "Preprocessing: width: given 1; allowed: a whole number, 8 to"),
    ],
)
def test_a_mistake_is_reported_when_the_component_is_made(arguments, message):
    with pytest.raises(Failure, match=message):
        make(**arguments)


def tune(**arguments):
    """The epochs of a Tuner's trials, and of the training whose recipe they take."""
    names = ("transformed_examples", "transform_graph", "schema")
    kinds = (standard_artifacts.Examples, standard_artifacts.TransformGraph, Schema)
    inputs = {n: channel.Channel(type=kind) for n, kind in zip(names, kinds, strict=True)}
    made = Tuner(**inputs, name="small_cnn", height=8, width=8, **arguments)
    return [json.loads(made.exec_properties[name])["epochs"] for name in ("tuner", "training")]


def test_the_first_of_two_sections_takes_a_key_of_both():
    trials = {"trials": 2, "search_space": {"training.mixup": Tried(choices=[0.0, 0.2])}}
    assert tune(**trials, epochs=3) == [3, Training().epochs]
    assert tune(**trials, epochs=3, training=Training(epochs=5)) == [3, 5]
    with pytest.raises(Failure, match="epochs: a key of tuner, which is given whole"):
        tune(tuner=Search.of(**trials, epochs=3), epochs=5)


def test_a_key_beside_its_whole_section_is_refused_in_one_line():
    with pytest.raises(Failure, match="max_anomalies: a key of validation, which is given whole"):
        make(height=8, width=8, validation=Validation(), max_anomalies=2)


def test_an_argument_that_nothing_takes_is_refused():
    with pytest.raises(ValueError, match="heigth"):
        make(heigth=8, height=8, width=8)


def test_the_component_has_the_name_the_text_and_the_module_of_its_function():
    made = make(height=8, width=8)
    assert (made.id, Example.__doc__) == ("Example", "Notes what it was given.")
    assert type(made).__module__ == __name__


def test_none_is_a_value_of_a_sections_key_and_leaves_out_an_optional_argument():
    given = in_json({"max_slowdown": None, "schema": None}, {"serving": Serving}, {"schema"})
    assert given.keys() == {"serving"}
    assert Serving.model_validate_json(given["serving"]).max_slowdown is None


def refuse_many_anomalies(validation, **_):
    if validation.max_anomalies > 5:
        raise Failure("Checked: too many")


@component(check=refuse_many_anomalies)
def Checked(
    schema: InputArtifact[Schema],
    model: OutputArtifact[Model],
    validation: Validation,
    engine=None,
    run_id: str = "",
):
    """Notes what its executor knows."""
    given = json.dumps([engine is not None, run_id])
    model.set_string_custom_property("given", given)


def test_a_function_may_ask_for_a_beam_pipeline_and_for_the_run():
    made = Checked(channel.Channel(type=Schema), Validation())
    assert isinstance(made, base_beam_component.BaseBeamComponent)
    executor = made.executor_spec.executor_class
    for beam_args, on_beam in ([], False), (["--direct_running_mode=multi_processing"], True):
        context = executor.Context(beam_pipeline_args=beam_args, pipeline_run_id="seven")
        outputs = {"model": [Model()]}
        executor(context).Do({"schema": [Schema()]}, outputs, made.exec_properties)
        given = outputs["model"][0].get_string_custom_property("given")
        assert json.loads(given) == [on_beam, "seven"]


def test_a_check_of_the_sections_is_made_with_the_component():
    with pytest.raises(Failure, match="too many"):
        Checked(schema=channel.Channel(type=Schema), max_anomalies=6)


def test_more_positional_arguments_than_inputs_are_refused():
    with pytest.raises(ValueError, match="zip"):
        Checked(channel.Channel(type=Schema), Validation(), None, None, None)
