"""What every section of a configuration has in common."""

import copy
import re
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from failures import Failure, did_you_mean


class Section(BaseModel):
    """A part of the configuration; a key that it does not declare is a mistake."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,  # Neither is a number of JSON, in which sections travel.
    )

    @classmethod
    def of(cls, given: "Self | None" = None, /, **keys: Any) -> Self:
        """The section itself, or the one that these keys make.

        A component takes either, so it can be used alone in another pipeline.

        Raises:
          Failure: a key is unknown, missing or out of range.
        """
        if given is not None and keys:
            raise TypeError(f"{cls.__name__}: give a section or its keys, not both")
        return given or cls._checked(cls.model_validate, keys)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The section that an execution property carries; raises Failure as `of` does."""
        return cls._checked(cls.model_validate_json, text)

    @classmethod
    def _checked(cls, validate, given) -> Self:
        try:
            return validate(given)
        except ValidationError as error:
            from settings import mistakes  # It needs this module.

            lines = mistakes.lines(error, cls, lambda path: f"{cls.__name__}: ")
            raise Failure("\n".join(lines)) from None

    def part(self, kind: "type[Section]") -> Any:
        """The keys of this section that the section `kind`, one of its bases, declares."""
        return kind.model_validate({name: getattr(self, name) for name in kind.model_fields})


def matching(pattern: str, words: str) -> Any:
    """The type of a text that matches the whole `pattern`, which `words` describe."""
    return Annotated[str, AfterValidator(Form(pattern, words))]


def one_of(names: Collection[str], words: str | None = None) -> Any:
    """The type of a text that is one of `names`, which `words` may describe."""
    return Annotated[str, AfterValidator(OneOf(names, words))]


class OneOf:
    def __init__(self, names: Collection[str], words: str | None = None):
        self._names = sorted(names)
        self.words = words or ", ".join(self._names)

    def __call__(self, given: str) -> str:
        if given not in self._names:
            raise ValueError(f"allowed: {self.words}{did_you_mean(given, self._names)}")
        return given


class Form:
    def __init__(self, pattern: str, words: str):
        self._pattern = re.compile(pattern)
        self.words = words

    def __call__(self, given: str) -> str:
        if not self._pattern.fullmatch(given):
            raise ValueError(f"allowed: {self.words}")
        return given


def put(keys: dict[str, Any], key: str | Sequence[str], value: Any) -> None:
    """Sets the value of a key in nested dicts, and makes those that are missing.

    Args:
      key: dotted, or a path of names, which may hold dots themselves. A number is an item of a
        list that is there, as in augmentation.own.0.name.

    Raises:
      Failure: a part of the key holds a single value, or a list has no such item.
    """
    *above, last = key.split(".") if isinstance(key, str) else key
    for i, name in enumerate(above):
        if isinstance(keys, dict) and keys.get(name) is None:
            keys[name] = {}
        place = _place(keys, name, above[:i])
        if not isinstance(keys[place], dict | list):
            raise Failure(f"{'.'.join(above[: i + 1])} has no keys")
        # A section that an alias of YAML names stands in other places as well.
        below = copy.copy(keys[place])
        keys[place] = below
        keys = below
    keys[_place(keys, last, above)] = value


def _place(keys: dict[str, Any] | list, name: str, above: list[str]) -> str | int:
    if isinstance(keys, dict):
        return name
    if name.isdecimal() and int(name) < len(keys):
        return int(name)
    raise Failure(f"{'.'.join(above)} is a list of {len(keys)}; allowed: a number below that")
