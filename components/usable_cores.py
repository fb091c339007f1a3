"""How many processor cores this process may use."""

import math
import os
from pathlib import Path

# Source: Linux, "Control Group v2", cpu.max: "max" or the microseconds of a period, then these.
_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(limit: Path = _LIMIT) -> int:
    """At least 1: those of its affinity, or fewer where its container has a limit of CPU time.

    Args:
      limit: the container's own cpu.max; Kubernetes writes a pod's limit there.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = limit.read_text().split()
    except OSError:  # Another system, or the root of all groups.
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, math.ceil(int(quota) / int(period))))
