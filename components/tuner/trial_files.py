"""What a search and a trial in another process leave for each other in a folder."""

import json
from pathlib import Path
from typing import Any

TRIAL, RESULT = "trial.pickle", "result.json"


def read_result(folder: Path) -> dict[str, Any] | None:
    """{"reached": …}, {"failure": …}, {"surroundings": …} or {"defect": …}; None: none yet.

    Beside a failure, "of_memory" may say that the trial did not fit into memory.
    """
    file = folder / RESULT
    return json.loads(file.read_text()) if file.exists() else None


def lock_of(folder: Path) -> Path:
    """What a runner holds that is at the trial: beside its folder, which goes meanwhile."""
    return folder.with_suffix(".lock")


def process_lost(words: str) -> dict[str, str]:
    """The result of a trial that left none; `words` say how its process ended."""
    return {"failure": f"Tuner: its process ended before the training did ({words})."}
