"""How many processor cores this process may use."""

import math
import os
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")
_sharing = 1  # processes, this one among them


def usable_cores(group: Path = _GROUP) -> int:
    """At least 1: those of its affinity, or fewer where its container has a limit of CPU time or
    where it shares them.

    Args:
      group: where the container's own control group lies; Kubernetes writes a pod's limit there.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, period = _limit(group)
    if quota > 0:
        allowed = min(allowed, math.ceil(quota / period))
    return max(1, math.ceil(allowed / _sharing))


def _limit(group: Path) -> tuple[int, int]:
    """(microseconds of each period, the period); 0 or less of it where there is no limit.

    Source: Linux, "Control Group v2", cpu.max, and of the first version, cpu.cfs_quota_us.
    """
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((group / "cpu" / name).read_text() for name in names)
        return (0 if quota == "max" else int(quota)), int(period)
    except OSError:  # Another system, or the root of all groups.
        return 0, 1


def share_cores(processes: int) -> None:
    """Leaves to this process its share of the cores that so many processes have together."""
    global _sharing
    _sharing = processes
