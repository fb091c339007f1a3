"""Which strategy suits the data and the machine."""

import shutil
from collections.abc import Callable

from components.free_memory import free_memory
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


def readable(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError(size)
