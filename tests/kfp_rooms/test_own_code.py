"""Code of one's own on a cluster: the package says what its steps need, and the steps check it."""

import pytest

from failures import ConfigurationError, Failure
from kfp.own_code_image import check_images, own_packages
from pipeline.origin import origin_of
from pipeline.own_code_flag import FLAG, check_own_code, own_code_flags
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


def test_each_step_that_runs_such_code_needs_an_image_that_holds_it(example):
    overrides = "kubeflow.image=registry/photos:1", "kubeflow.steps.Trainer.image=registry/gpu"
    with pytest.raises(ConfigurationError, match=r"kubeflow\.steps\.Trainer\.image: given 'regis"):
        check_images(example(*overrides))
    assert own_packages(example()) == {"Trainer": {"vision_kit"}, "Evaluator": {"vision_kit"}}


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
        check_own_code([f"{FLAG}gone.nets@0123456789abcdef"])


def test_the_origin_of_a_run_names_the_state_of_the_code(example):
    origin = origin_of(example())
    names = "vision_kit.changes, vision_kit.losses, vision_kit.nets, vision_kit.scores: "
    assert origin["own_code"].startswith(names)
    assert "own_code" not in origin_of(load("configs/digits.yaml"))


@pytest.mark.slow
def test_the_state_of_the_code_is_an_argument_of_the_steps_that_run_it(example):
    from pipeline.create_pipeline import create_pipeline

    flags = {
        component.id: [flag for flag in component.executor_spec.extra_flags if FLAG in flag]
        for component in create_pipeline(example()).components
    }
    named = {step: given for step, given in flags.items() if given}
    trainer = "vision_kit.changes,vision_kit.losses,vision_kit.nets@"
    assert set(named) == {"Trainer", "Evaluator"}
    assert named["Trainer"][0].startswith(FLAG + trainer)
    assert named["Evaluator"][0].startswith(f"{FLAG}vision_kit.scores@")
