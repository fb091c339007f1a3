"""How many processor cores this process may use."""

import math
import os
from pathlib import Path

# Source: Linux, "Control Group v2", cpu.max: "max" or the microseconds of a period, then these.
_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_sharing = 1  # processes, this one among them


def usable_cores(limit: Path = _LIMIT) -> int:
    """At least 1: those of its affinity, or fewer where its container has a limit of CPU time or
    where it shares them.

    Args:
      limit: the container's own cpu.max; Kubernetes writes a pod's limit there.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = limit.read_text().split()
    except OSError:  # Another system, or the root of all groups.
        quota = "max"
    if quota != "max":
        allowed = min(allowed, math.ceil(int(quota) / int(period)))
    return max(1, math.ceil(allowed / _sharing))


def share_cores(processes: int) -> None:
    """Leaves to this process its share of the cores that so many processes have together."""
    global _sharing
    _sharing = processes
