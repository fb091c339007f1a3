"""The most memory that a function's process held, measured in a fresh process."""

import multiprocessing
import re
from pathlib import Path


def peak_mib(work, *arguments):
    """MiB at the peak, once `work(*arguments)` has returned."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_of, (work, *arguments))


def _peak_of(work, *arguments):
    work(*arguments)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
