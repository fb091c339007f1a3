"""The scale model multiplies what was measured, and says what holds a stage up."""

import pytest

from benchmarks.scale.estimate import (
    GIGA,
    TERA,
    Cost,
    DataSet,
    Measured,
    Prices,
    plan,
    storage,
)

COSTS = {
    "ingest": Cost(1.0, 0.0002, 0.0),
    "StatisticsGen": Cost(1.0, 0.0005, 0.0),
    "Transform": Cost(2.0, 0.004, 0.0),
    "Evaluator": Cost(2.0, 0.01, 0.0),
}
MEASURED = Measured(COSTS, bytes=100_000, pixels=200_000, transformed_bytes=150_000)
DATA = DataSet("some", 1e7, 1.0 * TERA, 400_000)
PRICES = Prices(
    cores=10,
    machine_hour=2.0,
    disk_bytes_second=1.0 * GIGA,
    gpu_hour=4.0,
    gpu_images_second=2500.0,
    gpu_machine_bytes_second=1.0 * GIGA,
)


def stages(within=24.0):
    return {one.name: one for one in plan(MEASURED, DATA, PRICES, within, epochs=10)}


def test_a_line_through_the_smaller_sizes_predicts_the_largest():
    exact = Cost.of({100: 3.0, 400: 6.0, 1600: 18.0})
    assert (exact.an_image, exact.fixed, exact.error) == pytest.approx((0.01, 2.0, 0.0))
    slower = Cost.of({100: 3.0, 400: 6.0, 1600: 36.0})
    assert slower.error == pytest.approx(-0.5)


def test_decoding_goes_by_pixels_and_copying_by_bytes():
    made = stages()
    # 1e7 images, each of twice the pixels, on ten cores.
    assert made["Transform"].hours == pytest.approx(1e7 * 0.008 / 10 / 3600)
    assert made["Transform"].bottleneck == "CPU"
    assert made["ingest"].hours == pytest.approx(2 * TERA / GIGA / 3600)
    assert made["ingest"].bottleneck == "disk"
    assert made["StatisticsGen"].bytes_read == pytest.approx(1 * TERA)  # each shard once


def test_so_many_machines_that_each_stage_ends_in_time():
    made = stages(within=1.0)
    assert made["Transform"].machines == 3
    assert made["Transform"].hours_together <= 1.0
    assert made["Transform"].money == stages()["Transform"].money


def test_a_gpu_that_reads_more_slowly_than_it_computes_waits_for_reading():
    trained = stages()["Trainer"]
    assert trained.bytes_read == 10 * 1e7 * 150_000
    assert trained.hours == pytest.approx(10 * 1e7 / 2500 / 3600)
    assert trained.bottleneck == "GPU"
    slow = Prices(gpu_images_second=2500.0, gpu_machine_bytes_second=0.1 * GIGA)
    [waiting] = [one for one in plan(MEASURED, DATA, slow, 24.0, 10) if one.name == "Trainer"]
    assert waiting.bottleneck == "reading"


def test_what_lies_beside_the_data_is_the_examples_and_the_transformed_images():
    assert storage(MEASURED, DATA) == 1e12 + 1e7 * 150_000
