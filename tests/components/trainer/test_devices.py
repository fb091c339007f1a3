"""Which devices a training takes, and how its batches come to them."""

import functools
import shutil

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.trainer.checkpoints import Checkpoints
from components.trainer.devices import Devices, advice_on_xla, choose, distributed, in_parts
from failures import Failure
from settings.training import Training
from tests.components.trainer.conftest import MODEL

pytestmark = pytest.mark.slow


class Kept(Checkpoints):
    """Also keeps the checkpoint of one step, as a kill after it would leave it."""

    def __init__(self, folder, step: int):
        super().__init__(str(folder / "last"), every_steps=1, every_seconds=1e9)
        self.folder, self.step = folder, step

    def write(self, checkpoint) -> None:
        super().write(checkpoint)
        if checkpoint.step == self.step:
            shutil.copytree(self.folder / "last", self.folder / "kept")


def numbered(examples: int, batch_size: int) -> tf.data.Dataset:
    """(images (batch, 2) uint8, labels (batch,) int64), each with its own number."""
    numbers = np.arange(examples)
    images = np.stack([numbers, numbers], axis=1).astype(np.uint8)
    return tf.data.Dataset.from_tensor_slices((images, numbers)).batch(batch_size)


def labels_of(batches) -> list[list[int]]:
    return [labels.numpy().tolist() for _, labels in batches]


def test_batches_prefetched_to_a_device_are_the_same_batches():
    devices = Devices(tf.distribute.get_strategy(), prefetch_to="/cpu:0")
    batches = list(distributed(numbered(10, 4), devices))
    assert labels_of(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all("CPU:0" in images.device for images, _ in batches)


@settings(max_examples=6, deadline=None)
@given(examples=st.integers(1, 40), batch_size=st.integers(1, 16), count=st.integers(1, 5))
def test_the_devices_of_a_worker_share_every_batch_evenly(examples, batch_size, count):
    whole = labels_of(numbered(examples, batch_size))
    parts = labels_of(in_parts(numbered(examples, batch_size), count))
    assert len(parts) == count * len(whole)
    for number, batch in enumerate(whole):
        shares = parts[count * number : count * (number + 1)]
        assert [label for share in shares for label in share] == batch
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_an_endless_input_stays_endless_when_devices_share_its_batches():
    shared = in_parts(numbered(10, 4).repeat(), 2)
    assert shared.cardinality() == tf.data.INFINITE_CARDINALITY
    assert labels_of(shared.take(3)) == [[0, 1], [2, 3], [4, 5]]


@pytest.fixture(scope="module")
def begun(train_digits, tmp_path_factory):
    """Of a precision: a whole training, and a folder with its checkpoint of step 22."""

    @functools.cache
    def training(precision):
        folder = tmp_path_factory.mktemp(precision)
        devices = Devices(tf.distribute.get_strategy(), precision=precision)
        kept = Kept(folder, step=22)
        return train_digits(kept, folder / "log", devices, model=MODEL), folder / "kept"

    return training


def copied(kept, folder) -> Checkpoints:
    """To go on from, as a training removes or replaces its checkpoint."""
    shutil.copytree(kept, folder)
    return Checkpoints(str(folder), None, 1e9)


def test_a_training_of_several_steps_a_call_goes_on_from_a_step_between_two_calls(
    begun, train_digits, tmp_path
):
    whole, kept = begun("float32")
    again = copied(kept, tmp_path / "kept")
    resumed = train_digits(again, tmp_path / "again", model=MODEL, steps_per_execution=4)
    assert resumed.resumed_at_step == 22
    losses = [[epoch.loss for epoch in trained.history] for trained in (resumed, whole)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for left, right in zip(resumed.model.variables, whole.model.variables, strict=True):
        np.testing.assert_allclose(left.numpy(), right.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    "precisions", [("float32", "mixed_float16"), ("mixed_float16", "mixed_bfloat16")]
)
def test_a_training_goes_on_in_another_precision_and_says_so(
    begun, train_digits, tmp_path, caplog, precisions
):
    first, other = precisions
    whole, kept = begun(first)
    devices = Devices(tf.distribute.get_strategy(), precision=other)
    again = copied(kept, tmp_path / "kept")
    resumed = train_digits(again, tmp_path / "again", devices, model=MODEL)
    assert resumed.resumed_at_step == 22
    assert resumed.history[-1].accuracy == pytest.approx(whole.history[-1].accuracy, abs=0.06)
    assert f"began in {first} and resumes in {other}." in caplog.text


def test_in_float16_a_training_learns(begun):
    trained, _ = begun("mixed_float16")
    assert trained.history[-1].validation_accuracy > 0.8
    assert str(trained.devices) == "1 CPU, mixed_float16"
    for variable in trained.model.variables:
        assert variable.dtype == "float32"
        assert np.isfinite(variable.numpy()).all()


def test_a_run_says_what_it_was_computed_on_and_how_its_data_came(trained):
    assert trained.history["devices"] == "1 CPU, float32"
    assert trained.history["input"] == trained.model_run.get_string_custom_property("input") != ""


@pytest.mark.parametrize("index", [-1, 1, 5])
def test_a_worker_number_outside_the_cluster_is_refused(index):
    tf_config = (
        f'{{"cluster": {{"worker": ["a:1"]}}, "task": {{"type": "worker", "index": {index}}}}}'
    )
    with pytest.raises(Failure, match="TF_CONFIG"):
        choose(Training(), {"TF_CONFIG": tf_config})


@pytest.mark.parametrize(
    ("keys", "advised"),
    [({}, True), ({"xla": "on"}, False), ({"xla": "off"}, False), ({"deterministic": True}, False)],
)
def test_several_gpus_are_told_of_xla_unless_the_configuration_decides(keys, advised):
    advice = advice_on_xla(Training(**keys))
    assert bool(advice) == advised
    assert not advised or "training.xla: on" in advice
