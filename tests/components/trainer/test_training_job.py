"""A checkpoint belongs to one training: to its inputs and to the keys that decide its result."""

import shutil

import pytest
from tfx.types import standard_artifacts

from components.trainer.training_job import TrainingJob
from failures import Failure
from settings.data import Features
from settings.model import Model
from settings.own_modules import look_in
from settings.preprocessing import Preprocessing
from settings.training import Recipe
from tests.own_code.user_package import UserPackage


@pytest.fixture
def job(make_artifact, tmp_path):
    for name in ("examples", "graph", "schema"):
        (tmp_path / name).mkdir()
    (tmp_path / "examples" / "data").write_bytes(b"records")
    return TrainingJob(
        examples=make_artifact(standard_artifacts.Examples, tmp_path / "examples", ["train"]),
        transform_graph=make_artifact(standard_artifacts.TransformGraph, tmp_path / "graph"),
        schema=make_artifact(standard_artifacts.Schema, tmp_path / "schema"),
        features=Features(),
        preprocessing=Preprocessing(height=8, width=8),
        recipe=Recipe(model=Model(name="small_cnn")),
        seed=1,
        checkpoint_dir=str(tmp_path / "checkpoints"),
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.worker_wait_seconds", 5.0),
        ("training.checkpoint_every_seconds", 5.0),
        ("training.checkpoint_every_steps", 5),
        ("training.input.strategy", "streaming"),
        ("training.input_report.max_wait", 0.5),
    ],
)
def test_what_leaves_the_result_as_it_is_keeps_the_checkpoint(job, key, value):
    assert job.varied({key: value}).state_folder({}) == job.state_folder({})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.learning_rate", 0.5),
        ("training.epochs", 3),
        ("augmentation.crop", 0.5),
        ("model.parameters.filters", [4]),
        ("model.name", "unet"),
    ],
)
def test_what_changes_the_result_starts_a_new_training(job, key, value):
    assert job.varied({key: value}).state_folder({}) != job.state_folder({})


def test_other_examples_start_a_new_training(job, tmp_path):
    before = job.state_folder({})
    (tmp_path / "examples" / "data").write_bytes(b"other records")
    assert job.state_folder({}) != before


def test_the_same_inputs_in_the_folders_of_another_run_keep_the_checkpoint(job, tmp_path):
    before = job.state_folder({})
    for given in (job.examples, job.transform_graph):
        there = tmp_path / "another run" / given.type_name
        shutil.copytree(given.uri, there)
        given.uri = str(there)
    assert job.state_folder({}) == before


def test_an_edit_of_a_users_network_starts_a_new_training(job, tmp_path, monkeypatch):
    package = UserPackage(tmp_path, monkeypatch)
    package.write("nets", "def tiny(pixels, classes):\n    pass\n")
    look_in(tmp_path)
    own = job.varied({"model": {"name": f"{package.package}.nets:tiny"}})
    before = own.state_folder({})
    package.write("nets", "def tiny(pixels, classes):\n    return pixels\n")
    assert own.state_folder({}) != before


def test_hyperparameters_are_checked_like_a_file(job):
    with pytest.raises(Failure) as refused:
        job.varied({"training.learning_rate": 20.0})
    assert str(refused.value) == (
        "Trainer: hyperparameters: training.learning_rate: given 20.0; allowed: a number, above 0, "
        "at most 10"
    )
