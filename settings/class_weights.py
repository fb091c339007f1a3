"""The type of `training.class_weights`."""

import sys
from typing import Annotated, Any

from pydantic import AfterValidator

from settings.section import Form


class _ClassWeights(Form):
    def __init__(self):
        self.words = "balanced, or class names, each with a number of 0 or more"

    def __call__(self, given: Any) -> Any:
        if given is None or given == "balanced":
            return given
        if isinstance(given, dict) and given and all(map(self._allowed, given.values())):
            return {str(name): float(weight) for name, weight in given.items()}
        raise ValueError(f"allowed: {self.words}")

    @staticmethod
    def _allowed(weight: Any) -> bool:
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        return number and 0 <= weight <= sys.float_info.max


ClassWeights = Annotated[Any, AfterValidator(_ClassWeights())]
