"""An edit of a component's code changes its cache key, and only those that depend on it."""

import shutil
from pathlib import Path

import pytest

from pipeline import code_fingerprint as under_test

REPOSITORY = Path(__file__).resolve().parents[2]
TRAINER = "components.trainer.component"
PUSHER = "components.pusher.component"
EVALUATOR = "components.evaluator.component"
ROOMS = (
    "augmentations", "components", "datasets", "failures", "files", "metrics",
    "models", "settings",
)  # fmt: skip


@pytest.fixture
def copy(tmp_path, monkeypatch):
    for room in ROOMS:
        shutil.copytree(REPOSITORY / room, tmp_path / room)
    shutil.copy(REPOSITORY / "requirements.txt", tmp_path)
    monkeypatch.setattr(under_test, "_ROOT", tmp_path)
    return tmp_path


def append(file):
    file.write_text(file.read_text() + "\n# changed\n")


def test_the_same_code_has_the_same_fingerprint(copy):
    assert under_test.code_fingerprint(TRAINER) == under_test.code_fingerprint(TRAINER)


def test_an_edit_of_a_model_changes_the_trainer_alone(copy):
    trainer, pusher = map(under_test.code_fingerprint, (TRAINER, PUSHER))
    append(copy / "models/small_cnn.py")
    assert under_test.code_fingerprint(TRAINER) != trainer
    assert under_test.code_fingerprint(PUSHER) == pusher


def test_what_a_component_imports_counts_as_its_code(copy):
    evaluator = under_test.code_fingerprint(EVALUATOR)
    append(copy / "components/transform/corrupt_images.py")
    assert under_test.code_fingerprint(EVALUATOR) != evaluator


@pytest.mark.parametrize(
    "file",
    ["components/__init__.py", "components/saved_vocabulary.py", "failures/__init__.py"],
)
def test_a_module_counts_however_it_is_imported(copy, file):
    evaluator = under_test.code_fingerprint(EVALUATOR)
    append(copy / file)
    assert under_test.code_fingerprint(EVALUATOR) != evaluator


def test_an_embedded_dataset_counts_as_the_code_of_its_example_gen(copy):
    before = under_test.code_fingerprint("components.tfds_example_gen.component")
    append(copy / "datasets/digits.py")
    assert under_test.code_fingerprint("components.tfds_example_gen.component") != before


def test_a_new_lock_changes_them_all(copy):
    before = [under_test.code_fingerprint(module) for module in (TRAINER, PUSHER)]
    append(copy / "requirements.txt")
    after = [under_test.code_fingerprint(module) for module in (TRAINER, PUSHER)]
    assert all(a != b for a, b in zip(after, before, strict=True))


def test_of_a_task_a_component_depends_on_its_own_part_alone(copy):
    trainer, evaluator = map(under_test.code_fingerprint, (TRAINER, EVALUATOR))
    append(copy / "components/tasks/segmentation/evaluation.py")
    assert under_test.code_fingerprint(TRAINER) == trainer
    assert under_test.code_fingerprint(EVALUATOR) != evaluator
    append(copy / "components/tasks/segmentation/training.py")
    assert under_test.code_fingerprint(TRAINER) != trainer
