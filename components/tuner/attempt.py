"""What a trial trains; a file of its own, as processes hand it over."""

import dataclasses
from typing import Any

from components.trainer.training_job import TrainingJob


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One attempt at a trial."""

    job: TrainingJob  # with the trial's values
    objective: str
    log_folder: str
    values: dict[str, Any]  # by configuration key
    stop_after: int | None = None  # epochs after which it stops if it is poor; None: never
