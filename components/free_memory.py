"""How much memory this process may still take."""

import os
from pathlib import Path


def free_memory(root: Path = Path("/")) -> int:
    """The bytes that this process may still take: the machine's, or its control group's.

    Args:
      root: below which /proc and /sys lie.
    """
    free = [_available(root), *_left_in_groups(root)]
    return max(0, min(free))


def _available(root: Path) -> int:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # Not Linux: the standard library knows the physical memory alone.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _left_in_groups(root: Path) -> list[int]:
    """What each control group of this process leaves; a limit includes all groups below it."""
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    left = []
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            mount, limit, usage = "sys/fs/cgroup/memory", "limit_in_bytes", "usage_in_bytes"
        elif not controllers:
            mount, limit, usage = "sys/fs/cgroup", "max", "current"
        else:
            continue
        # Inside a container the path may be the host's, and its own group is at the mount.
        for group in (path, *map(str, Path(path).parents)):
            folder = root / mount / group.lstrip("/")
            allowed, used = (_number(folder / f"memory.{name}") for name in (limit, usage))
            if allowed is not None and used is not None:
                left.append(allowed - used + _reclaimable(folder))
    return left


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # "max": no limit
        return None


def _reclaimable(folder: Path) -> int:
    """Pages of files count as used, and the kernel gives them up when memory is asked for.

    In the first version, those of groups below it have lines of their own.
    """
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    found = {name: int(value) for name, value in map(str.split, lines)}
    of_files = ("inactive_file", "active_file")
    return sum(found.get(f"total_{name}", found.get(name, 0)) for name in of_files)
