import os

import pytest

from components.usable_cores import usable_cores


@pytest.mark.parametrize(
    ("limit", "at_most"),
    [("max 100000", 10_000), ("100000 100000", 1), ("150000 100000", 2), ("1000 100000", 1)],
)
def test_a_container_s_limit_of_cpu_time_is_rounded_up_to_cores(tmp_path, limit, at_most):
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert usable_cores(tmp_path) == min(usable_cores(tmp_path / "none"), at_most)


@pytest.mark.parametrize(("quota", "at_most"), [(-1, 10_000), (100_000, 1), (150_000, 2)])
def test_so_is_one_of_the_first_version_of_control_groups(tmp_path, quota, at_most):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == min(usable_cores(tmp_path / "none"), at_most)


def test_only_the_cores_that_the_process_may_run_on_count(tmp_path):
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores(tmp_path / "none") == 1
    finally:
        os.sched_setaffinity(0, allowed)
