"""What a run may be given, and what of this machine stays at home."""

import math

import pytest

from failures import ConfigurationError
from files.strict_json import text_of
from kfp.run_facts import TRIGGER
from kfp.run_origin import VARIABLE
from kfp.run_parameters import on_a_cluster, run_parameters
from kfp.run_values import given_values, run_values
from settings.own_modules import look_in
from settings.reading import load
from settings.section import put
from tests.own_code.user_package import UserPackage


def digits(*overrides):
    return load("configs/digits.yaml", overrides)


def test_two_names_of_one_key_are_refused():
    with pytest.raises(ConfigurationError, match=r"e and epochs both replace training\.epochs"):
        digits("kubeflow.parameters={e: training.epochs, epochs: training.epochs}")


def test_the_name_of_the_packages_own_parameter_is_refused():
    with pytest.raises(ConfigurationError, match=r"kubeflow\.parameters\.trigger: .* any other"):
        digits(f"kubeflow.parameters={{{TRIGGER}: training.epochs}}")


def test_a_key_that_no_run_can_replace_is_refused_with_those_that_it_can():
    expected = (
        r"kubeflow\.parameters\.rate: given 'training\.learning_rat'; allowed: a key with a single "
        r"value, one of data\.dataset, .*training\.learning_rate, "
    )
    with pytest.raises(ConfigurationError, match=expected):
        digits("kubeflow.parameters={rate: training.learning_rat}")


def test_the_default_is_allowed_where_the_source_lacks_one_of_its_keys():
    default = digits().kubeflow.parameters
    folder = digits("data={source: folder, path: photos}", f"kubeflow.parameters={default}")
    assert {one.key for one in run_parameters(folder)} == {"epochs", "learning_rate"}


def test_a_package_has_no_parameter_for_a_key_that_the_search_decides():
    rate = "{training.learning_rate: {min: 0.001, max: 0.1}}"
    searched = digits(f"tuner={{trials: 2, epochs: 1, search_space: {rate}}}")
    assert {one.key for one in run_parameters(searched)} == {"dataset", "epochs"}


def test_the_models_are_mounted_once_however_their_path_is_written():
    volume = "{claim: steadyfeed-models, mount_path: /models}"
    configuration = digits(
        "kubeflow.models.claim=steadyfeed-models", "kubeflow.models.mount_path=/models/",
        f"kubeflow.steps.Pusher.volumes=[{volume}]",
    )  # fmt: skip
    kubeflow = on_a_cluster(configuration).kubeflow
    assert len(kubeflow.step("Pusher").volumes) == 1
    assert len(kubeflow.step("ChampionResolver").volumes) == 1


AT_WORK = "volumes: [{claim: work, mount_path: /work}]"


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        (
            f"{{models: null, push_destination: /work/models, steps: {{Pusher: {{{AT_WORK}}}}}}}",
            "models would go to '/work/models', which is on no volume of ChampionResolver; allowed",
        ),
        (
            "{push_destination: /mnt/models}",
            "'/mnt/models', which is on no volume of ChampionResolver and Pusher; allowed",
        ),
        (
            "{steps: {Pusher: {volumes: [{claim: other, mount_path: /models}]}}}",
            "models would go to '/models/digits', which is another folder for each; allowed",
        ),
        (
            "{models: null, push_destination: /work/models/digits, every_step: "
            f"{{{AT_WORK}}}, steps: {{Pusher: "
            "{volumes: [{claim: work, mount_path: /work/models}]}}}",
            "which is another folder for each",
        ),
        (f"{{push_destination: /workshop, every_step: {{{AT_WORK}}}}}", "is on no volume of"),
    ],
)
def test_models_that_a_pod_would_keep_for_itself_are_refused(section, wrong):
    with pytest.raises(ConfigurationError, match=r"^kubeflow\.push_destination: ") as refused:
        on_a_cluster(digits(f"kubeflow={section}"))
    assert wrong in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "section",
    [
        f"{{models: null, push_destination: /work/models, every_step: {{{AT_WORK}}}}}",
        f"{{push_destination: /work, every_step: {{{AT_WORK}}}}}",
        "{push_destination: /models//other/digits}",
        "{models: null, push_destination: 's3://models/digits'}",
    ],
)
def test_models_go_where_the_next_run_finds_its_champion(section):
    there = on_a_cluster(digits(f"kubeflow={section}"))
    assert there.push.destination == there.kubeflow.push_destination


def test_where_this_machine_keeps_its_token_and_certificates_stays_here():
    places = [f"kubeflow.{name}=/home/ann/{name}" for name in ("token_file", "ca_file")]
    there = on_a_cluster(digits(*places))
    assert "/home/ann" not in there.model_dump_json()
    assert there.kubeflow.image == digits().kubeflow.image


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_value_that_json_cannot_carry_is_refused(value):
    parameters = {"rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1}}
    spec = {"root": {"inputDefinitions": {"parameters": parameters}}}
    assert not math.isfinite(float(value))
    with pytest.raises(
        ConfigurationError, match=r"--param rate: given .*; allowed: a NUMBER_DOUBLE"
    ):
        run_values(spec, [f"rate={value}"])


def package_of(**elsewhere):
    """The spec of digits with a cached ExampleGen, whose record has other values of some keys."""
    recorded = digits().model_dump(mode="json", by_alias=True)
    for key, value in elsewhere.items():
        put(recorded, key.replace("__", "."), value)
    origin = {"configuration": text_of(recorded)}
    kinds = {"dataset": "STRING", "epochs": "NUMBER_INTEGER", "learning_rate": "NUMBER_DOUBLE"}
    parameters = {name: {"parameterType": kind} for name, kind in kinds.items()}
    task = {"cachingOptions": {"enableCache": True}}
    variables = [{"name": VARIABLE, "value": text_of(origin)}]
    return {
        "deploymentSpec": {"executors": {"Pusher_executor": {"container": {"env": variables}}}},
        "root": {
            "dag": {"tasks": {"TfdsExampleGen": task}},
            "inputDefinitions": {"parameters": parameters},
        },
    }


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ("dataset=photos", r"data\.dataset: given 'photos'; allowed: a dataset with a version"),
        ("dataset=no dataset", r"^data\.dataset: given 'no dataset'; allowed: TFDS name"),
        ("epochs=0", r"^training\.epochs: given 0; allowed"),
    ],
)
def test_a_value_is_refused_where_the_packages_own_code_is_elsewhere(value, refused):
    with pytest.raises(ConfigurationError, match=refused):
        given_values(package_of(model__name="gone_kit.nets:tiny"), [value], lambda line: None)


@pytest.mark.parametrize("elsewhere", [{}, {"model__name": "gone_kit.nets:tiny"}])
def test_a_value_that_another_key_rules_out_is_refused_as_in_a_file(elsewhere):
    package = package_of(training__epochs=5, training__warmup_epochs=2.0, **elsewhere)
    refused = r"^training\.warmup_epochs: given 2; allowed: at most training\.epochs, 1$"
    with pytest.raises(ConfigurationError, match=refused):
        given_values(package, ["epochs=1"], lambda line: None)


def test_a_value_for_a_key_that_the_search_decides_is_refused_with_the_cause():
    rate = {"training.learning_rate": {"min": 0.001, "max": 0.1}}
    package = package_of(tuner={"trials": 2, "epochs": 1, "search_space": rate})
    del package["root"]["inputDefinitions"]["parameters"]["learning_rate"]
    with pytest.raises(ConfigurationError) as refused:
        given_values(package, ["learning_rate=0.01"])
    assert str(refused.value) == (
        "--param learning_rate: replaces training.learning_rate, which tuner.search_space tries; "
        "allowed: dataset, epochs"
    )


@pytest.mark.parametrize("elsewhere", [{}, {"model__name": "gone_kit.nets:tiny"}])
def test_a_package_that_is_older_than_a_check_still_takes_other_values(elsewhere):
    package = package_of(training__epochs=5, training__warmup_epochs=6.0, **elsewhere)
    values = given_values(package, ["learning_rate=0.002"], lambda line: None)
    assert values == {"learning_rate": 0.002}
    with pytest.raises(ConfigurationError, match=r"^training\.warmup_epochs: .*\.epochs, 4$"):
        given_values(package, ["epochs=4"], lambda line: None)


@pytest.mark.parametrize(
    ("elsewhere", "read"),
    [
        ({"model__name": "gone_kit.nets:tiny"}, "checked against data and training alone; "),
        ({"training__loss": "gone_kit.losses:poly"}, "checked against data alone; "),
        ({"data__later": 1, "training__later": 1}, "not checked; "),
    ],
)
def test_what_a_value_could_not_be_checked_against_is_one_line(elsewhere, read):
    said = []
    assert given_values(package_of(**elsewhere), ["epochs=3"], said.append) == {"epochs": 3}
    [line] = said
    assert read in line
    assert next(iter(elsewhere)).replace("__", ".") in line

    said.clear()
    given_values(package_of(**elsewhere), [], said.append)
    assert not said


@pytest.mark.parametrize("there", ["/builds/ci/configs", "/" + 300 * "x"])
def test_own_code_that_another_folder_holds_here_is_read_for_the_check(
    tmp_path, monkeypatch, there
):
    kit = UserPackage(tmp_path, monkeypatch)
    kit.write("nets", "def tiny(pixels, classes):\n    return pixels\n")
    look_in(tmp_path)
    spec, said = package_of(model__name=f"{kit.package}.nets:tiny", code=there), []

    assert given_values(spec, ["epochs=3"], said.append) == {"epochs": 3}
    assert not said


def test_a_scheduled_value_that_json_cannot_carry_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"schedule\.parameters\.epochs: given nan; allowed"
    ):
        digits("schedule={cron: '0 3 * * *', parameters: {epochs: .nan}}")


def test_a_recipe_cannot_be_a_runs_parameter():
    with pytest.raises(ConfigurationError, match=r"given 'training\.recipe'; allowed: a key"):
        digits("training.recipe=from_scratch", "kubeflow.parameters={recipe: training.recipe}")
