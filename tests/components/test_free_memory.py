"""How much memory is free, as the machine and its control groups say."""

import pytest

from components import in_parallel
from components.free_memory import free_memory
from components.usable_cores import usable_cores

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path):
    """Writes files of a /proc and a /sys below a folder: free_memory(folder) reads them."""

    def write(files: dict[str, object]):
        for name, content in {
            "proc/meminfo": f"MemAvailable: {8 * GIB // 1024} kB",
            **files,
        }.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(content))
        return tmp_path

    return write


def test_without_control_groups_the_machine_says(machine):
    assert free_memory(machine({})) == 8 * GIB


def test_a_limit_of_the_second_version_holds(machine):
    root = machine(
        {
            "proc/self/cgroup": "0::/work/job\n",
            "sys/fs/cgroup/work/memory.max": 3 * GIB,
            "sys/fs/cgroup/work/memory.current": 2 * GIB,
            "sys/fs/cgroup/work/memory.stat": (
                f"anon 5\nactive_file {GIB // 2}\ninactive_file {GIB // 2}\n"
            ),
            "sys/fs/cgroup/work/job/memory.max": "max",
            "sys/fs/cgroup/work/job/memory.current": GIB,
        }
    )
    assert free_memory(root) == 2 * GIB


def test_a_container_sees_its_own_group_at_the_mount(machine):
    root = machine(
        {
            "proc/self/cgroup": "0::/kubepods/of/the/host\n",
            "sys/fs/cgroup/memory.max": 4 * GIB,
            "sys/fs/cgroup/memory.current": GIB,
        }
    )
    assert free_memory(root) == 3 * GIB


def test_a_limit_of_the_first_version_holds(machine):
    root = machine(
        {
            "proc/self/cgroup": "4:memory:/job\n",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": 2 * GIB,
            "sys/fs/cgroup/memory/job/memory.usage_in_bytes": GIB,
        }
    )
    assert free_memory(root) == GIB


def test_a_group_that_is_full_leaves_nothing(machine):
    root = machine(
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": GIB,
            "sys/fs/cgroup/memory.current": 2 * GIB,
        }
    )
    assert free_memory(root) == 0


def test_as_many_processes_work_as_have_memory(monkeypatch):
    monkeypatch.setattr(in_parallel, "free_memory", lambda: GIB // 2)
    assert in_parallel.processes_if(True) == (2 if usable_cores() > 1 else 0)
    monkeypatch.setattr(in_parallel, "free_memory", lambda: GIB // 4)
    assert in_parallel.processes_if(True) == 0
