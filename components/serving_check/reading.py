"""Reads what ServingCheck left without TensorFlow, whose import takes seconds."""

import os
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


class Export(NamedTuple):
    """A file in another format beside the SavedModel."""

    bytes: int
    saved_model_bytes: int
    difference: float | None  # the largest of a probability; None for one that is not a number


class Result(NamedTuple):
    """The outcome of the check; `causes` are empty exactly when the model serves."""

    blessed: bool
    causes: list[str]
    server: str
    challenger: Figures | None
    champion: Figures | None
    exports: dict[str, Export]  # by format


def beside(folder: str) -> str:
    """The folder, below an InfraBlessing's, of what is pushed beside the model."""
    return os.path.join(folder, "beside")


def read_result(folder: Path) -> Result | None:
    """The result below an InfraBlessing's local folder; None where it is missing or damaged."""
    found = places.read_json(folder / RESULT_FILE)
    if not found:
        return None
    figures = (
        Figures(*map(model.get, Figures._fields)) if (model := found.get(name)) else None
        for name in ("challenger", "champion")
    )
    exports = {name: Export(**export) for name, export in found.get("exports", {}).items()}
    return Result(found["blessed"], found["causes"], found["server"], *figures, exports)
