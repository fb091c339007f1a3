"""A training that is killed goes on from its checkpoint and ends as if nothing had been."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx.types import standard_artifacts

from components.trainer.checkpoints import Checkpoint, Checkpoints, fingerprint
from failures import Failure
from tests.components.trainer import trainer_process
from tests.components.trainer.conftest import LINEAR, artifact, transform_digits
from tests.processes import start, wait_for

TOLERANCE = 1e-4  # relative, of every loss and accuracy
BFLOAT16 = tf.bfloat16.as_numpy_dtype


class Kept(Checkpoints):
    """Checkpoints that stay: one folder a step, as a kill after that step would leave it."""

    def __init__(self, folder: Path):
        super().__init__(str(folder / "last"), every_steps=1, every_seconds=1e9)
        self.folder = folder

    def write(self, checkpoint: Checkpoint) -> None:
        super().write(checkpoint)
        shutil.copytree(self.folder / "last", self.folder / str(checkpoint.step))


@pytest.fixture(scope="module")
def undisturbed(train_digits, tmp_path_factory):
    """The folder with a checkpoint for every step, and the training's outcome."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, train_digits(Kept(folder), folder / "log")


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 15, 22, 44, 45])
def test_killed_after_any_step_a_training_ends_with_the_same_metrics(
    undisturbed, train_digits, tmp_path, step
):
    folder, whole = undisturbed
    shutil.copytree(folder / str(step), tmp_path / "checkpoint")
    again = Checkpoints(str(tmp_path / "checkpoint"), None, 1e9)
    resumed = train_digits(again, tmp_path / "log")
    assert resumed.resumed_at_step == step
    assert resumed.best_epoch == whole.best_epoch
    assert metrics(resumed) == pytest.approx(metrics(whole), rel=TOLERANCE)
    for left, right in zip(resumed.model.variables, whole.model.variables, strict=True):
        np.testing.assert_allclose(left.numpy(), right.numpy(), atol=1e-4)


@pytest.mark.slow
def test_every_recipe_goes_on_in_the_middle_of_an_epoch(train_digits, tmp_path):
    recipe = {
        "sampling": "balanced",
        "loss": "focal",
        "mixup": 0.2,
        "cutmix": 1.0,
        "ema_decay": 0.99,
        "gradient_accumulation": 2,
        "monitor": "worst_class_recall",
        "epochs": 2,
    }
    whole = train_digits(Kept(tmp_path), tmp_path / "whole", **recipe)
    again = Checkpoints(str(tmp_path / "22"), None, 1e9)
    resumed = train_digits(again, tmp_path / "resumed", **recipe)
    assert resumed.resumed_at_step == 22
    np.testing.assert_allclose(resumed.class_sums, whole.class_sums, rtol=TOLERANCE)
    assert [epoch.monitored for epoch in resumed.history] == [e.monitored for e in whole.history]
    for left, right in zip(resumed.model.variables, whole.model.variables, strict=True):
        np.testing.assert_allclose(left.numpy(), right.numpy(), atol=1e-5)


@pytest.mark.slow
def test_a_training_goes_on_with_another_input_strategy_and_ends_the_same(
    undisturbed, train_digits, tmp_path, caplog
):
    folder, whole = undisturbed
    shutil.copytree(folder / "22", tmp_path / "checkpoint")
    again = Checkpoints(str(tmp_path / "checkpoint"), None, 1e9)
    resumed = train_digits(again, tmp_path / "log", strategy="streaming")
    assert metrics(resumed) == pytest.approx(metrics(whole), rel=TOLERANCE)
    assert "another order" not in caplog.text


@pytest.mark.slow
def test_a_checkpoint_from_before_orders_were_kept_is_gone_on_from_with_a_warning(
    undisturbed, train_digits, tmp_path, caplog
):
    folder, _ = undisturbed
    before = Checkpoints(str(folder / "44"), None, 1e9).read()
    del before.state["order"]
    again = Checkpoints(str(tmp_path / "checkpoint"), None, 1e9)
    again.write(before)
    assert train_digits(again, tmp_path / "log").resumed_at_step == 44
    assert "the checkpoint at step 44 was written with a different order" in caplog.text


def metrics(trained) -> list[float]:
    return [
        value
        for epoch in trained.history
        for value in (epoch.loss, epoch.accuracy, epoch.validation_loss, epoch.learning_rate)
    ]


@pytest.mark.slow
def test_a_process_killed_while_it_writes_checkpoints_is_gone_on_from(
    digits, make_properties, tmp_path, train_in
):
    checkpoints = tmp_path / "checkpoints"
    whole = {"model": LINEAR, "epochs": 6}
    keys = whole | {"checkpoint_dir": checkpoints, "checkpoint_every_steps": 1}
    task = {
        "inputs": str(digits.folder),
        "out": str(tmp_path / "killed"),
        "logical_devices": 1,
        "properties": make_properties(**keys),
    }
    process = start(trainer_process.main, task, log=tmp_path / "killed.log")
    try:
        wait_for(lambda: list(checkpoints.glob("*/checkpoint")), 120, [process])
        time.sleep(0.1)  # somewhere in a later step, or in the middle of writing
    finally:
        process.kill()
        process.wait()
    assert not (tmp_path / "killed" / "model" / "Format-Serving").exists()
    [folder] = checkpoints.iterdir()
    killed_at = Checkpoints(str(folder), None, 1).read().step
    resumed = train_in("resumed", **keys)
    assert resumed.history["resumed_at_step"] == killed_at > 0
    assert not list(checkpoints.iterdir())
    undisturbed = train_in("whole", **whole)
    np.testing.assert_allclose(resumed.metrics, undisturbed.metrics, rtol=TOLERANCE)


@pytest.mark.slow
def test_a_training_that_waits_in_the_rest_of_its_last_epoch_fails_and_keeps_its_checkpoint(
    train_in, tmp_path, monkeypatch
):
    folder, write = tmp_path / "checkpoints", Checkpoints.write
    strict = {"on_wait": "fail", "max_wait": 0}  # Every wait is too long.
    keys = {"model": LINEAR, "batch_size": 4, "epochs": 2, "checkpoint_dir": folder}
    keys["input"] = {"strategy": "streaming"}

    def killed_in_the_last_epoch(checkpoints, made):
        write(checkpoints, made)
        if made.step == 70:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "write", killed_in_the_last_epoch)
    with pytest.raises(KeyboardInterrupt):
        train_in("killed", checkpoint_every_steps=10, **keys)
    with pytest.raises(Failure, match="in the rest of epoch 2, after resuming"):
        train_in("resumed", input_report=strict, **keys)
    [kept] = folder.iterdir()
    assert Checkpoints(str(kept), None, 1).read().step == 70


@pytest.mark.slow
def test_a_training_whose_last_file_cannot_be_written_is_not_done_again(digits, train_in, tmp_path):
    searched = tmp_path / "searched"
    searched.mkdir()
    (searched / "best_hyperparameters.txt").write_text('{"values": {"training.epochs": 1}}')
    inputs = digits.inputs
    inputs["hyperparameters"] = [artifact(standard_artifacts.HyperParameters, searched)]
    keys = {"model": LINEAR, "checkpoint_every_steps": 15, "checkpoint_dir": tmp_path / "kept"}
    (tmp_path / "failed" / "model_run" / "hyperparameters.json").mkdir(parents=True)
    with pytest.raises(Failure, match=r"hyperparameters\.json cannot be written"):
        train_in("failed", inputs, **keys)
    again = train_in("again", inputs, **keys)
    assert again.history["resumed_at_step"] == 15
    assert (tmp_path / "again" / "model_run" / "hyperparameters.json").exists()
    assert not list((tmp_path / "kept").iterdir())


def checkpoint(step=7) -> Checkpoint:
    arrays = [np.arange(12, dtype=np.float32).reshape(3, 4), np.array(5, np.int64)]
    arrays += [arrays[0].astype(BFLOAT16), np.array(1.5, BFLOAT16)]
    return Checkpoint(step=step, state={"seconds": 0.5}, variables=arrays, best_weights=arrays[2:])


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    checkpoints = Checkpoints(str(tmp_path / "own"), None, 1)
    checkpoints.write(checkpoint())
    found = checkpoints.read()
    assert (found.step, found.state) == (7, {"seconds": 0.5})
    for left, right in zip(found.variables, checkpoint().variables, strict=True):
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype
    for left, right in zip(found.best_weights, checkpoint().best_weights, strict=True):
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype


def test_what_a_training_leaves_that_has_ended_is_for_further_attempts_at_its_step_alone(tmp_path):
    def kept(step: str) -> Checkpoints:
        return Checkpoints(str(tmp_path / "own"), None, 1, step)

    ended = kept("run-1/Trainer")
    ended.write(checkpoint(step=9))
    ended.write_beside("plan.json", {})
    ended.finish()
    assert kept("run-1/Trainer").read().step == 9
    assert kept("run-2/Trainer").read() is None
    assert kept("").read() is None
    assert kept("run-1/Trainer").read_beside("plan.json") is None


@pytest.mark.parametrize(("step", "used"), [(3, 9), (12, 12), (None, 9)])
def test_of_its_own_end_and_what_another_run_began_an_attempt_takes_what_is_whole_and_further(
    tmp_path, step, used
):
    own, other = (Checkpoints(str(tmp_path / "own"), None, 1, of) for of in ("run-1/Trainer", ""))
    own.write(checkpoint(step=9))
    own.finish()
    other.write(checkpoint(step=step or 3))
    if step is None:
        (tmp_path / "own" / "checkpoint").write_bytes(b"damaged")
    assert own.read().step == used


@pytest.mark.parametrize(
    ("name", "days", "stays"),
    [
        ("a" * 64, 31, False),
        ("a" * 64, 29, True),
        ("tuner-" + "a" * 64, 31, False),
        (f"{'a' * 64}-{'0' * 16}", 1.1, False),
        (f"{'a' * 64}-{'0' * 16}", 0.9, True),
        ("b" * 64, 400, True),  # its own
        ("notes", 400, True),
    ],
)
def test_what_no_training_went_on_with_goes_when_another_begins(tmp_path, name, days, stays):
    file = tmp_path / name / "trials" / "checkpoint"
    file.parent.mkdir(parents=True)
    file.touch()
    lock = tmp_path / f"{name}.lock"  # as a search has that was killed
    lock.touch()
    for path in (file, file.parent, file.parents[1]):
        os.utime(path, (time.time() - 86400 * days,) * 2)
    Checkpoints(str(tmp_path / ("b" * 64)), None, 1).remove_abandoned()
    assert file.exists() == lock.exists() == stays


@settings(max_examples=50, deadline=None)
@given(share=st.floats(0, 0.999))
def test_a_checkpoint_cut_short_is_never_used(tmp_path_factory, share):
    folder = tmp_path_factory.mktemp("cut")
    checkpoints = Checkpoints(str(folder), None, 1)
    checkpoints.write(checkpoint())
    file = folder / "checkpoint"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    assert checkpoints.read() is None


@settings(max_examples=50, deadline=None)
@given(position=st.floats(0, 0.999))
def test_a_checkpoint_with_a_wrong_byte_is_never_used(tmp_path_factory, position):
    folder = tmp_path_factory.mktemp("bit")
    checkpoints = Checkpoints(str(folder), None, 1)
    checkpoints.write(checkpoint())
    file = folder / "checkpoint"
    content = bytearray(file.read_bytes())
    content[int(len(content) * position)] ^= 0xFF
    file.write_bytes(content)
    assert checkpoints.read() is None


def test_a_half_written_checkpoint_leaves_the_one_before_in_use(tmp_path):
    checkpoints = Checkpoints(str(tmp_path), None, 1)
    checkpoints.write(checkpoint(step=7))
    (tmp_path / "checkpoint.unfinished").write_bytes(b"half of the next one")
    assert checkpoints.read().step == 7
    checkpoints.write(checkpoint(step=8))
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]


def test_a_training_shorter_than_the_time_between_checkpoints_writes_none(tmp_path):
    checkpoints = Checkpoints(str(tmp_path), None, every_seconds=60)
    assert not any(checkpoints.due(step) for step in range(1, 1000))


def test_checkpoints_are_due_after_every_so_many_steps(tmp_path):
    checkpoints = Checkpoints(str(tmp_path), every_steps=4, every_seconds=60)
    assert [step for step in range(1, 13) if checkpoints.due(step)] == [4, 8, 12]


def test_a_checkpoint_of_other_parameters_or_inputs_is_not_used(digits, tmp_path):
    folder = str(tmp_path)
    (tmp_path / "shard").write_bytes(b"one")
    known = {
        fingerprint([folder], {"seed": 1}),
        fingerprint([folder], {"seed": 2}),
        fingerprint([], {"seed": 1}),
    }
    for other in (b"three", b"eno"):
        (tmp_path / "shard").write_bytes(other)
        known.add(fingerprint([folder], {"seed": 1}))
    assert len(known) == 5


@pytest.mark.parametrize("file", ["models/small_cnn.py", "metrics/f1.py"])
def test_a_checkpoint_and_a_trial_of_other_code_are_not_used(monkeypatch, file):
    before, read = fingerprint([], {}), Path.read_text
    edited = {Path(file).resolve(): "\n# edited"}
    monkeypatch.setattr(Path, "read_text", lambda one: read(one) + edited.get(one.resolve(), ""))
    assert fingerprint([], {}) != before


def test_a_checkpoint_is_used_where_its_inputs_were_downloaded_anew(tmp_path):
    shard = tmp_path / "shard"
    shard.write_bytes(bytes(5_000_000))
    before = fingerprint([str(tmp_path)], {})
    os.utime(shard, (1, 1))
    assert fingerprint([str(tmp_path)], {}) == before
    with shard.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    assert fingerprint([str(tmp_path)], {}) != before


def test_a_checkpoint_is_used_where_its_inputs_were_copied_to_another_folder(tmp_path):
    (tmp_path / "run-1" / "Split-train").mkdir(parents=True)
    (tmp_path / "run-1" / "Split-train" / "shard").write_bytes(b"records")
    shutil.copytree(tmp_path / "run-1", tmp_path / "run-2")
    before = fingerprint([str(tmp_path / "run-1")], {})
    assert fingerprint([str(tmp_path / "run-2")], {}) == before
    (tmp_path / "run-2" / "Split-train").rename(tmp_path / "run-2" / "Split-test")
    assert fingerprint([str(tmp_path / "run-2")], {}) != before


def bytes_read() -> int:
    """By this process so far, as the kernel counts them."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def test_examples_whose_content_transform_tells_are_not_read_to_know_them(tmp_path):
    digest, shards = tmp_path / "content.sha256", [tmp_path / f"{n}.tfrecord" for n in range(8)]
    digest.write_text("of all records")
    for shard in shards:
        shard.write_bytes(bytes(2_000_000))

    def known():
        return fingerprint([str(tmp_path)], {})

    known()  # Reads the code.
    started = bytes_read()
    seen = {known()}
    assert bytes_read() - started < 3_000_000
    digest.write_text("of the others.")
    seen.add(known())
    os.truncate(shards[0], 1_000_000)
    seen.add(known())
    shards[1].rename(tmp_path / "other.tfrecord")
    seen.add(known())
    assert len(seen) == 4


@pytest.mark.slow
def test_a_checkpoint_is_used_where_transform_has_made_the_same_examples_again(digits, tmp_path):
    transform_digits(tmp_path)
    made = ("transformed", "transform_graph")
    first, second = ([str(run / one) for one in made] for run in (digits.folder, tmp_path))
    assert fingerprint(first, {}) == fingerprint(second, {})
    (tmp_path / "transform_graph" / "transform_fn" / "assets" / "labels").write_text("others")
    assert fingerprint(first, {}) != fingerprint(second, {})
