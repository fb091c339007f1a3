"""User code on a cluster: the package says what its steps need, and the steps check it."""

import pytest

from cli.command_line import main
from components.own_code_flag import own_code_flags
from components.typed_component import OWN_CODE
from failures import ConfigurationError, Failure
from kfp import entrypoint
from kfp.needed_packages import check_images, needed_packages
from kfp.package_rules import read_package
from pipeline.origin import origin_of
from pipeline.own_code_check import check_own_code
from settings.own_modules import look_in
from settings.reading import load
from tests.own_code.user_package import UserPackage, forget_afterwards

EXAMPLE = "tests/own_code/digits.yaml"


@pytest.fixture
def example(monkeypatch):
    """A function (*overrides) → the configuration of the example."""
    forget_afterwards(monkeypatch)
    return lambda *overrides: load(EXAMPLE, overrides)


def test_an_image_that_stands_for_this_project_alone_is_refused_in_one_line(example):
    with pytest.raises(ConfigurationError) as refused:
        check_images(example())
    assert str(refused.value) == (
        "kubeflow.image: given 'steadyfeed', which stands for this project alone; allowed: an "
        "image that holds vision_kit too, with its tag or digest (docs/own_code.md)"
    )
    check_images(example("kubeflow.image=registry/photos:1"))
    check_images(load("configs/digits.yaml"))


def test_an_image_that_lacks_the_packages_of_onnx_is_refused_too():
    configuration = load("configs/digits.yaml", ["serving.export=[onnx]"])
    with pytest.raises(ConfigurationError, match="an image that holds onnxruntime, tf2onnx too"):
        check_images(configuration)
    assert needed_packages(configuration) == {"ServingCheck": {"onnxruntime", "tf2onnx"}}


def test_each_step_that_runs_such_code_needs_an_image_that_holds_it(example):
    overrides = "kubeflow.image=registry/photos:1", "kubeflow.steps.Trainer.image=registry/gpu"
    with pytest.raises(ConfigurationError, match=r"kubeflow\.steps\.Trainer\.image: given 'regis"):
        check_images(example(*overrides))
    assert needed_packages(example()) == {"Trainer": {"vision_kit"}, "Evaluator": {"vision_kit"}}


def test_a_step_refuses_code_other_than_that_which_was_compiled(tmp_path, monkeypatch):
    package = UserPackage(tmp_path, monkeypatch)
    package.write("nets", "def tiny(pixels, classes):\n    pass\n")
    look_in(tmp_path)
    flags = own_code_flags([f"{package.package}.nets"])
    check_own_code(["--code=1", *flags])
    check_own_code([])
    package.write("nets", "def tiny(pixels, classes):\n    return pixels\n")
    with pytest.raises(Failure, match="in this image is not that which the package was compiled"):
        check_own_code(flags)
    with pytest.raises(Failure, match="there is no package gone"):
        check_own_code([f"{OWN_CODE}gone.nets@0123456789abcdef"])


def test_the_origin_of_a_run_names_the_state_of_the_code(example):
    origin = origin_of(example())
    names = "vision_kit.changes, vision_kit.losses, vision_kit.nets, vision_kit.scores: "
    assert origin["own_code"].startswith(names)
    assert "own_code" not in origin_of(load("configs/digits.yaml"))


def test_a_step_in_an_image_without_the_code_fails_with_one_line(capfd):
    step = ["--executor_class_path", "components.trainer.component.Trainer_Executor"]
    step += ["--component_id", "Trainer", "--json_serialized_invocation_args", "{}"]
    assert entrypoint.main([*step, f"{OWN_CODE}gone.nets@0123456789abcdef"]) == 1
    [line] = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Trainer")]
    assert line.startswith("Trainer failed: there is no package gone; the key `code` names the ")


@pytest.mark.slow
def test_a_package_carries_the_state_of_the_code_to_the_steps_that_run_it(
    monkeypatch, tmp_path, capfd
):
    forget_afterwards(monkeypatch)
    words = ["compile", "--config", EXAMPLE, "--output", str(tmp_path / "own.yaml")]
    assert main(words) == 2
    assert "kubeflow.image: given 'steadyfeed', which stands for" in capfd.readouterr().err

    assert main([*words, "--set", "kubeflow.image=registry/photos:1"]) == 0
    assert "The image must hold vision_kit: see docs/own_code.md." in capfd.readouterr().out
    spec, _ = read_package(tmp_path / "own.yaml")
    executors = spec["deploymentSpec"]["executors"]
    flags = {
        name.removesuffix("_executor"): argument
        for name, executor in executors.items()
        for argument in executor["container"]["args"]
        if argument.startswith(OWN_CODE)
    }
    trained = "vision_kit.changes,vision_kit.losses,vision_kit.nets@"
    assert set(flags) == {"Trainer", "Evaluator"}
    assert flags["Trainer"].startswith(OWN_CODE + trained)
    assert flags["Evaluator"].startswith(f"{OWN_CODE}vision_kit.scores@")
