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


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project's code. Tests that edit it put back what was there."""
    folder = tmp_path_factory.mktemp("project")
    for room in ROOMS:
        shutil.copytree(REPOSITORY / room, folder / room)
    shutil.copy(REPOSITORY / "requirements.txt", folder)
    return folder


@pytest.fixture
def edit(project, monkeypatch):
    """A function that changes a file of the copy until the test ends."""
    monkeypatch.setattr(under_test, "_ROOT", project)
    before = {}

    def append(name):
        before[name] = (project / name).read_text()
        (project / name).write_text(before[name] + "\n# changed\n")

    yield append
    for name, content in before.items():
        (project / name).write_text(content)


@pytest.mark.usefixtures("edit")
def test_the_same_code_has_the_same_fingerprint():
    assert under_test.code_fingerprint(TRAINER) == under_test.code_fingerprint(TRAINER)


def test_an_edit_of_a_model_changes_the_trainer_alone(edit):
    trainer, pusher = map(under_test.code_fingerprint, (TRAINER, PUSHER))
    edit("models/small_cnn.py")
    assert under_test.code_fingerprint(TRAINER) != trainer
    assert under_test.code_fingerprint(PUSHER) == pusher


def test_what_a_component_imports_counts_as_its_code(edit):
    evaluator = under_test.code_fingerprint(EVALUATOR)
    edit("components/transform/corrupt_images.py")
    assert under_test.code_fingerprint(EVALUATOR) != evaluator


def test_a_module_counts_however_it_is_imported(edit):
    found = [under_test.code_fingerprint(EVALUATOR)]
    for file in (
        "components/__init__.py", "components/saved_vocabulary.py", "failures/__init__.py",
    ):  # fmt: skip
        edit(file)
        found.append(under_test.code_fingerprint(EVALUATOR))
    assert len(set(found)) == 4


def test_an_embedded_dataset_counts_as_the_code_of_its_example_gen(edit):
    before = under_test.code_fingerprint("components.tfds_example_gen.component")
    edit("datasets/digits.py")
    assert under_test.code_fingerprint("components.tfds_example_gen.component") != before


def test_a_new_lock_changes_them_all(edit):
    before = [under_test.code_fingerprint(module) for module in (TRAINER, PUSHER)]
    edit("requirements.txt")
    after = [under_test.code_fingerprint(module) for module in (TRAINER, PUSHER)]
    assert all(a != b for a, b in zip(after, before, strict=True))


def test_of_a_task_a_component_depends_on_its_own_part_alone(edit):
    trainer, evaluator = map(under_test.code_fingerprint, (TRAINER, EVALUATOR))
    edit("components/tasks/segmentation/evaluation.py")
    assert under_test.code_fingerprint(TRAINER) == trainer
    assert under_test.code_fingerprint(EVALUATOR) != evaluator
    edit("components/tasks/segmentation/training.py")
    assert under_test.code_fingerprint(TRAINER) != trainer
