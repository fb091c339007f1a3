"""What every section of a configuration has in common."""

import difflib
import re
from collections.abc import Collection

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the file; keys that it does not name are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class OneOf:
    """A check for AfterValidator: the text is one of `names`; `words` stand for very many."""

    def __init__(self, names: Collection[str], words: str | None = None):
        self._names = sorted(names)
        self.words = words or ", ".join(self._names)

    def __call__(self, given: str) -> str:
        if given not in self._names:
            near = difflib.get_close_matches(given, self._names, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"allowed: {self.words}{meant}")
        return given


class Form:
    """A check for AfterValidator: the whole text matches `pattern`, which `words` describe."""

    def __init__(self, pattern: str, words: str):
        self._pattern = re.compile(pattern)
        self.words = words

    def __call__(self, given: str) -> str:
        if not self._pattern.fullmatch(given):
            raise ValueError(f"allowed: {self.words}")
        return given
