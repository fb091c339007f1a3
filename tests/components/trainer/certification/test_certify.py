"""What `feed` says of inputs whose speed and examples are known."""

import dataclasses
import time

import numpy as np
import pytest

from components.trainer.certification.accelerators import accelerator
from components.trainer.certification.certify import certify, inputs
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.transform.encoding import FixedExample
from failures import Failure
from settings.reading import load
from tests.components.trainer.conftest import transformed_example, write_shards

SHAPE, BATCH = (8, 8, 1), 8
PIXELS = bytes(64)


@pytest.fixture
def files(tmp_path):
    records = [transformed_example(PIXELS, number % 2) for number in range(4 * BATCH)]
    write_shards(tmp_path / "Split-train", records)
    return sorted(map(str, (tmp_path / "Split-train").iterdir()))


def late(batches, seconds):
    due = time.perf_counter()
    for batch in batches:
        due += seconds  # What other programs delay does not change the rate.
        time.sleep(max(0.0, due - time.perf_counter()))
        yield batch


@pytest.mark.slow
@pytest.mark.measured
def test_a_loader_at_four_fifths_of_the_needed_rate_is_said_to_wait(files):
    chosen = accelerator("20", BATCH)

    def build():
        options = FeedOptions(seed=1, strategy="streaming")
        made = input_function(files, SHAPE, BATCH, training=True, options=options)
        return dataclasses.replace(made, dataset=late(made.dataset, chosen.seconds / 0.8))

    found = certify(build, chosen, BATCH, seconds=0.1)
    assert found.utilisation == pytest.approx(0.8, abs=0.08)
    assert not found.enough


def configured(tmp_path, *more):
    """A whole configuration, for images of SHAPE."""
    size = ("preprocessing.height=8", "preprocessing.width=8")
    batch = f"training.batch_size={BATCH}"
    return load("configs/digits.yaml", [f"root={tmp_path}/root", *size, batch, *more])


def weighed(folder):
    """A file of Examples with weights, as Transform writes it."""
    form = FixedExample({"image": len(PIXELS), "label": "int64", "sample_weight": "float32"})
    values = {"image": PIXELS, "label": 1, "sample_weight": 0.5}
    write_shards(folder, [form.encode(values)] * 2 * BATCH, shards=1)
    return sorted(map(str, folder.iterdir()))


def test_examples_with_weights_are_read_as_the_training_reads_them(tmp_path):
    files = weighed(tmp_path / "Split-train")
    weighs = configured(tmp_path, "data.weight_feature=importance")
    [candidate] = inputs(weighs, files, ["disk"])
    made = candidate.build()
    assert made.source.in_place == [(files[0], 0)]  # It needs no second copy on the disk.
    *_, weights = next(iter(made.dataset))
    np.testing.assert_array_equal(weights, np.full(BATCH, 0.5, np.float32))


def test_an_empty_shard_before_the_others_changes_nothing(files, tmp_path):
    write_shards(tmp_path / "empty", [], shards=1)
    [empty] = map(str, (tmp_path / "empty").iterdir())
    [candidate] = inputs(configured(tmp_path), [empty, *files], ["streaming"])
    assert candidate.build().examples == 4 * BATCH


def test_a_train_split_without_examples_is_one_line(tmp_path):
    write_shards(tmp_path / "Split-train", [])
    files = sorted(map(str, (tmp_path / "Split-train").iterdir()))
    with pytest.raises(Failure, match=r"Split-train has no examples to feed from\.") as failure:
        next(inputs(configured(tmp_path), files))
    assert "\n" not in str(failure.value)
