"""Which strategy suits the data and the memory and disk that are free."""

from components.free_memory import free_memory
from components.trainer.input.strategy import choose


def test_data_that_no_disk_holds_is_streamed(tmp_path):
    size, folder = 10**18, str(tmp_path / "not" / "there")
    strategy, reason = choose("auto", size, folder, None, lambda: size)
    assert strategy == "streaming"
    assert "free in" in reason


def test_workers_of_one_machine_share_its_memory(tmp_path):
    size = free_memory() // 4
    alone, _ = choose("auto", size, str(tmp_path), None, lambda: size)
    strategy, reason = choose("auto", size, str(tmp_path), None, lambda: size, workers_here=4)
    assert (alone, strategy) == ("memory", "disk")
    assert "shared by 4 workers" in reason
