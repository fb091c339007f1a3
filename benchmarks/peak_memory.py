"""The most memory that a function's process held, measured in a fresh process."""

import multiprocessing
import re
from pathlib import Path


def with_peak(work, *arguments):
    """(what `work(*arguments)` returned, MiB at the peak of its process)."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, *arguments))


def _measured(work, *arguments):
    returned = work(*arguments)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return returned, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
