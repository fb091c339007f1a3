"""What `feed` says of inputs whose speed and examples are known."""

import dataclasses
import time

import pytest

from components.trainer.certification.accelerators import accelerator
from components.trainer.certification.certify import certify
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from tests.components.trainer.conftest import transformed_example, write_shards

SHAPE, BATCH = (2, 2, 1), 8


@pytest.fixture
def files(tmp_path):
    records = [transformed_example(bytes(4), number % 2) for number in range(4 * BATCH)]
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
