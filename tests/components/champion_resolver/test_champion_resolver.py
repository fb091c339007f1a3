"""The champion is the version in service, and the same before and after a push."""

from types import SimpleNamespace

import pytest
from tfx.types import channel_utils, standard_artifacts

from components.champion_resolver.component import ChampionResolver
from components.champion_resolver.driver import Driver
from components.model_store.model_files import model_fingerprint
from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from failures import Failure
from tests.components.model_store.tiny_model import answer_of, save_tiny_model


def model_artifact(folder, value):
    save_tiny_model(folder / "Format-Serving", value)
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    return artifact


def push(artifact, destination):
    folder = f"{artifact.uri}/Format-Serving"
    return publish(folder, destination, PushRecord(model_fingerprint(folder), artifact.uri, "now"))


def driver_answer(challenger, destination):
    info = SimpleNamespace(
        input_dict={"model": [challenger]}, exec_properties={"push_destination": destination}
    )
    return Driver(None).run(info).exec_properties["resolved"].string_value


def resolve(challenger, destination, folder, **driver_properties):
    champion = standard_artifacts.Model()
    champion.uri = str(folder)
    folder.mkdir()
    channels = {"model": channel_utils.as_channel([challenger])}
    made = ChampionResolver(**channels, push_destination=destination)
    made.executor_spec.executor_class().Do(
        {"model": [challenger]},
        {"champion": [champion]},
        made.exec_properties | driver_properties,
    )
    return champion


@pytest.fixture
def destination(tmp_path):
    return str(tmp_path / "pushed")


@pytest.fixture
def one(tmp_path):
    return model_artifact(tmp_path / "one", 1)


@pytest.fixture
def two(tmp_path):
    return model_artifact(tmp_path / "two", 2)


def test_without_a_destination_there_is_no_champion_yet(one, destination, tmp_path):
    champion = resolve(one, destination, tmp_path / "champion")
    assert champion.get_int_custom_property("found") == 0
    assert champion.get_string_custom_property("summary") == "none yet"
    assert not (tmp_path / "champion" / "Format-Serving").exists()
    assert driver_answer(one, destination) == "none"


def test_the_newest_version_is_copied_into_the_pipeline(one, two, destination, tmp_path):
    push(one, destination)
    champion = resolve(two, destination, tmp_path / "champion")
    assert champion.get_int_custom_property("found") == 1
    assert champion.get_int_custom_property("version") == 1
    assert champion.get_string_custom_property("summary") == "version 1"
    assert answer_of(tmp_path / "champion" / "Format-Serving") == 1


def test_a_model_that_someone_else_pushed_is_a_champion_too(one, destination, tmp_path):
    save_tiny_model(tmp_path / "pushed" / "1700000000", 5)
    (tmp_path / "pushed" / "1800000000" / "variables").mkdir(parents=True)
    champion = resolve(one, destination, tmp_path / "champion")
    assert champion.get_int_custom_property("version") == 1700000000


def test_the_answer_is_the_same_before_and_after_the_challengers_own_push(one, two, destination):
    before_one = driver_answer(one, destination)
    push(one, destination)
    before_two = driver_answer(two, destination)
    push(two, destination)
    assert driver_answer(one, destination) == before_one == "none"
    assert driver_answer(two, destination) == before_two
    assert before_two.startswith("1 ")


def test_the_answer_changes_with_the_champion(one, two, destination, tmp_path):
    push(one, destination)
    three = model_artifact(tmp_path / "three", 3)
    against_one = driver_answer(three, destination)
    push(two, destination)
    assert driver_answer(three, destination) != against_one


def test_the_executor_keeps_to_the_drivers_answer(one, two, destination, tmp_path):
    push(one, destination)
    answer = driver_answer(two, destination)
    push(model_artifact(tmp_path / "three", 3), destination)
    champion = resolve(two, destination, tmp_path / "champion", resolved=answer)
    assert champion.get_int_custom_property("version") == 1


def test_a_champion_that_vanishes_in_between_is_a_failure(one, destination, tmp_path):
    with pytest.raises(Failure, match="Version 7 vanished"):
        resolve(one, destination, tmp_path / "champion", resolved="7 abc")


def test_the_component_takes_a_challenger_and_gives_a_model(one, destination):
    channel = channel_utils.as_channel([one])
    component = ChampionResolver(model=channel, push_destination=destination)
    assert component.outputs["champion"].type is standard_artifacts.Model
    assert component.exec_properties["push_destination"] == destination
