"""Where a model lies that is evaluated."""

from dataclasses import dataclass

from failures import Failure


@dataclass(frozen=True)
class ModelPlace:
    """Where a model lies and what to call it in front of the user."""

    name: str  # "challenger" or "champion"
    path: str  # of the SavedModel
    advice: str  # what to do when it cannot be used, a sentence

    def failure(self, what: str) -> Failure:
        """A Failure that says what is wrong with the model, e.g. "cannot be loaded"."""
        return Failure(f"Evaluator: the {self.name} in {self.path} {what}. {self.advice}")
