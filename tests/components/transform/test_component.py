"""The component as a pipeline sees it."""

import json

import pytest
from tfx.types import channel_utils, standard_artifacts

from components.transform.component import Transform
from failures import Failure
from settings.preprocessing import Preprocessing


def channel(artifact):
    return channel_utils.as_channel([artifact])


def test_the_component_offers_its_outputs_and_passes_its_options_on():
    transform = Transform(
        examples=channel(standard_artifacts.Examples()),
        schema=channel(standard_artifacts.Schema()),
        checked_anomalies=channel(standard_artifacts.ExampleAnomalies()),
        width=28,
        height=28,
        channels=1,
        label_feature="kind",
    )
    assert transform.outputs["transform_graph"].type is standard_artifacts.TransformGraph
    assert transform.outputs["transformed_examples"].type is standard_artifacts.Examples
    given = json.loads(transform.exec_properties["preprocessing"])
    assert (given["height"], given["width"], given["channels"]) == (28, 28, 1)
    assert json.loads(transform.exec_properties["features"])["label_feature"] == "kind"
    assert set(transform.inputs) == {"examples", "schema", "checked_anomalies"}


def test_what_it_waits_for_may_be_left_out():
    transform = Transform(
        examples=channel(standard_artifacts.Examples()),
        schema=channel(standard_artifacts.Schema()),
        preprocessing=Preprocessing(width=28, height=28),
    )
    assert "checked_anomalies" not in transform.inputs


def test_the_order_of_the_options_does_not_matter_for_the_cache():
    def property_of(options):
        return Transform(
            examples=channel(standard_artifacts.Examples()),
            schema=channel(standard_artifacts.Schema()),
            **options,
        ).exec_properties["preprocessing"]

    assert property_of({"height": 8, "width": 9}) == property_of({"width": 9, "height": 8})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"height": 0}, "height"),
        ({"channels": 2}, "channels: given 2"),
        ({"resize": "lanczos"}, "resize: given 'lanczos'"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_runs(given, says):
    with pytest.raises(Failure, match=says):
        Transform(
            examples=channel(standard_artifacts.Examples()),
            schema=channel(standard_artifacts.Schema()),
            **{"height": 28, "width": 28} | given,
        )
