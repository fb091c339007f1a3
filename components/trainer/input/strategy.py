"""Which strategy suits the data and the machine."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from failures import Failure
from files.places import existing

STRATEGIES = ("auto", "memory", "disk", "compressed", "streaming")
# The rest is for the model, its activations and the page cache that reading needs.
MEMORY_SHARE = 0.5
_NO_CACHE = "there is no cache_dir for the disk"


def choose(
    wanted: str,
    decoded_bytes: int,
    cache_dir: str | None,
    memory_limit_bytes: int | None,
    bytes_to_write: Callable[[], int],
    workers_here: int = 1,
) -> tuple[str, str]:
    """The strategy to use and the reason, a sentence for people.

    Args:
      decoded_bytes: the size of all decoded examples, or an upper bound.
      cache_dir: where the disk strategy may write; None where it may not.
      memory_limit_bytes: what the memory strategy may take; None for half of what is free.
      bytes_to_write: how many the disk strategy still has to write below `cache_dir`.
      workers_here: how many processes share this machine's memory.

    Raises:
      Failure: an unknown strategy, or "disk" without a folder.
    """
    if wanted not in STRATEGIES:
        raise Failure(f"The input strategy is {wanted!r}. Choose from: {', '.join(STRATEGIES)}.")
    if wanted == "disk" and not cache_dir:
        raise Failure("The input strategy disk has no cache_dir. Name a folder on a local disk.")
    size = f"{readable(decoded_bytes)} of decoded examples"
    if wanted != "auto":
        return wanted, f"{wanted} was asked for, with {size}"
    limit, room = _memory(memory_limit_bytes, workers_here)
    if decoded_bytes <= limit:
        return "memory", f"{size} fit into {room}"
    too_much = f"{size} exceed {room}"
    if not cache_dir:
        return "streaming", f"{too_much}, and {_NO_CACHE}"
    to_write = bytes_to_write()
    if not to_write:
        return "disk", f"{too_much}, and lie decoded on the disk"
    free = shutil.disk_usage(existing(cache_dir)).free
    if to_write > free:
        return "streaming", f"{too_much}, and for the {readable(free)} free in {cache_dir}"
    return "disk", f"{too_much}, and {cache_dir} has {readable(free)} free"


def refusals(
    decoded_bytes: int,
    cache_dir: str | None,
    memory_limit_bytes: int | None,
    to_write: int,
    workers_here: int = 1,
) -> dict[str, str]:
    """Why the data or the machine rule a strategy out, half a sentence; arguments as `choose`'s.

    Args:
      to_write: the bytes that the disk strategy still has to write below `cache_dir`.
    """
    found = {}
    if reason := beyond_memory(decoded_bytes, memory_limit_bytes, workers_here):
        found["memory"] = reason
    if not cache_dir:
        found["disk"] = _NO_CACHE
    elif to_write > (free := shutil.disk_usage(existing(cache_dir)).free):
        found["disk"] = f"{readable(to_write)} exceed the {readable(free)} free in {cache_dir}"
    return found


def beyond_memory(size: float, limit_bytes: int | None, workers_here: int = 1) -> str | None:
    """Why that many bytes are too many to keep in memory, half a sentence; None if they fit."""
    limit, room = _memory(limit_bytes, workers_here)
    return f"{readable(size)} exceed {room}" if size > limit else None


def _memory(limit_bytes: int | None, workers_here: int) -> tuple[float, str]:
    """What the memory strategy may take, and that in words."""
    if limit_bytes is not None:
        return limit_bytes, f"the {readable(limit_bytes)} allowed"
    free = free_memory()
    limit, room = MEMORY_SHARE * free, f"half of the {readable(free)} of free memory"
    if workers_here > 1:
        return limit / workers_here, f"{room}, shared by {workers_here} workers"
    return limit, room


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
    """File pages count as used, and the kernel gives them up when memory is asked for."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def readable(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError(size)
