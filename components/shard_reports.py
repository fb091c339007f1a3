"""What workers elsewhere leave of the work on a shard: its result, or what it raised.

Beam wraps what a worker raises, on some runners into nothing but text, and hands the work to
others again. What the work itself raises therefore travels like a result, and all that Beam
raises is the engine's own.
"""

import pickle
import traceback
from collections.abc import Callable
from typing import Any

from failures import Failure
from files import places, writing


def report(work: Callable[[Any], Any], shard: Any) -> bytes:
    """Does the work on a shard; for `opened`, its result or what it raised."""
    try:
        return pickle.dumps((work(shard), None))
    except Failure as failure:
        return _pickled(failure)
    except Exception as error:
        error.add_note(traceback.format_exc())  # Pickled, it has no other traceback.
        return _pickled(error)


def opened(report: bytes) -> Any:
    """The result that a report holds; raises what the work raised, of the same type."""
    made, error = pickle.loads(report)
    if error is not None:
        raise error
    return made


def leave(numbered: tuple[int, Any], work: Callable[[Any], Any], folder: str) -> None:
    """Does the work on a shard and leaves a report, whatever comes of it.

    A worker that is lost and replaced leaves the same report once more.

    Args:
      numbered: the shard's number and the shard.
      work: shard -> result that can be pickled.
      folder: of the reports, in reach of all workers.

    Raises:
      Failure: the report cannot be written.
    """
    number, shard = numbered
    writing.write(_file(folder, number), report(work, shard))


def is_there(folder: str, number: int) -> bool:
    """Whether a worker has left a report on the shard of this number."""
    return places.exists(_file(folder, number))


def result(folder: str, number: int) -> Any:
    """What `opened` makes of the report on the shard of this number."""
    with places.opened(_file(folder, number)) as file:
        return opened(file.read())


def _pickled(error: Exception) -> bytes:
    try:
        report = pickle.dumps((None, error))
        pickle.loads(report)  # Some exceptions can be written and not read.
    except Exception:
        told = RuntimeError(f"{type(error).__name__}: {error}")
        report = pickle.dumps((None, Failure(str(error)) if isinstance(error, Failure) else told))
    return report


def _file(folder: str, number: int) -> str:
    return f"{folder}/{number:06d}.pickle"
