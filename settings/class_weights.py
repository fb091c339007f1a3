"""The type of `training.class_weights`."""

import sys
from typing import Annotated, Any

from pydantic import AfterValidator

from settings.mistakes import shortened
from settings.section import Form


class _ClassWeights(Form):
    def __init__(self):
        self.words = "balanced, or class names, each with a number of 0 or more"

    def __call__(self, given: Any) -> Any:
        if given is None or given == "balanced":
            return given
        if not (isinstance(given, dict) and given and all(map(self._allowed, given.values()))):
            raise ValueError(f"allowed: {self.words}")
        # YAML has made false of no, and 8 of 010, which are names of classes nonetheless.
        if changed := [name for name in given if not isinstance(name, str)]:
            raise ValueError(
                f"{shortened(changed[0])} is not text; allowed: class names in quotes where YAML "
                'takes them for something else, as in {"no": 5, "010": 2}'
            )
        return {name: float(weight) for name, weight in given.items()}

    @staticmethod
    def _allowed(weight: Any) -> bool:
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        return number and 0 <= weight <= sys.float_info.max


ClassWeights = Annotated[Any, AfterValidator(_ClassWeights())]
