"""Reads what ServingCheck left without TensorFlow, whose import takes seconds."""

from pathlib import Path
from typing import NamedTuple

from files import places

RESULT_FILE = "serving.json"


class Figures(NamedTuple):
    """How one model served requests of one image each."""

    p50_ms: float
    p99_ms: float
    memory_mb: float  # MiB of the serving process
    requests: int | None = None


class Result(NamedTuple):
    """The outcome of the check; `causes` are empty exactly when the model serves."""

    blessed: bool
    causes: list[str]
    server: str
    challenger: Figures | None
    champion: Figures | None


def read_result(folder: Path) -> Result | None:
    """The result below an InfraBlessing's local folder; None where it is missing or damaged."""
    found = places.read_json(folder / RESULT_FILE)
    if not found:
        return None
    figures = (
        Figures(*map(model.get, Figures._fields)) if (model := found.get(name)) else None
        for name in ("challenger", "champion")
    )
    return Result(found["blessed"], found["causes"], found["server"], *figures)
