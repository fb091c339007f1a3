import pytest

from components.visible_gpus import visible_gpus


@pytest.mark.parametrize("numbers", [[], [3], [1, 3], [0, 1, 10]])
def test_gpus_are_numbered_from_0_whatever_numbers_a_containers_device_files_have(
    tmp_path, numbers
):
    for name in (*(f"nvidia{number}" for number in numbers), "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert visible_gpus({}, tmp_path) == [str(number) for number in range(len(numbers))]


def test_the_variable_decides_where_it_is_set(tmp_path):
    (tmp_path / "nvidia0").touch()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "GPU-a, 2"}, tmp_path) == ["GPU-a", "2"]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == []
