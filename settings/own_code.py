"""User code: a network, augmentation, metric or loss, named as `package.module:Name`."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, field_validator

from settings.mistakes import InnerMistakes
from settings.own_modules import sources
from settings.own_signatures import Declared, declared
from settings.section import OneOf, Section

_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_IN_WORDS = "package.module:Name of your own"
# What a function may ask for by these names, and what it must ask for. docs/own_code.md describes
# them. What makes an instance of a network's class gets `classes` if it asks for it.
_INPUTS = {
    "network": ({"pixels", "classes"}, {"pixels", "classes"}, set()),
    "augmentation": ({"images", "masks", "draw"}, {"images"}, {"images"}),
    "metric": ({"counts", "class_names"}, {"counts"}, {"counts"}),
    "loss": ({"logits", "targets"}, {"logits", "targets"}, {"logits", "targets"}),
}


def is_own(name: str) -> bool:
    """Whether a name in a section stands for user code."""
    return ":" in name


def is_named_in(given: Mapping[str, Any]) -> bool:
    """Whether a configuration that is not checked yet names user code."""

    def of(section: str) -> Mapping[str, Any]:
        return given[section] if isinstance(given.get(section), dict) else {}

    names = [of("model").get("name"), of("training").get("loss")]
    lists = [of("augmentation").get("own"), of("evaluation").get("metrics")]
    tried = of("tuner").get("search_space")
    if isinstance(tried, dict) and isinstance(tried.get("training.loss"), dict):
        choices = tried["training.loss"].get("choices")
        names += choices if isinstance(choices, list) else []
    return any(lists) or any(isinstance(name, str) and is_own(name) for name in names)


def split(name: str) -> tuple[str, str]:
    """The module and the name in it."""
    module, _, inner = name.partition(":")
    return module, inner


def declaration(kind: str, name: str) -> Declared:
    """What the name declares, as a "network", an "augmentation", a "metric" or a "loss".

    Raises:
      Unreadable: it cannot be found or read, or does not take what one of this kind is given.
    """
    return declared(*split(name), *_INPUTS[kind])


def check_parameters(kind: str, name: str, parameters: Mapping[str, Any]) -> None:
    """Checks the parameters that a section gives to the named code.

    Raises:
      InnerMistakes: one is unknown, missing or not allowed.
      ValueError: the code cannot be read, or one has no type hint.
    """
    found = declaration(kind, name)
    try:
        found.parameters.model_validate(parameters)
    except ValidationError as error:
        if left_out := sorted(found.left_out & parameters.keys()):
            raise ValueError(
                f"{found.where}: {', '.join(left_out)} has no type hint that a configuration can "
                "follow; allowed: such as int, float, str, bool, Literal or list"
            ) from None
        raise InnerMistakes(found.parameters, error) from None


def own(kind: str, names: Collection[str] = ()) -> Any:
    """The type of a text that names user code, or is one of `names`."""
    return Annotated[str, AfterValidator(_OwnOr(kind, names))]


class _OwnOr(OneOf):
    def __init__(self, kind: str, names: Collection[str]):
        words = ", ".join([*sorted(names), f"or {_IN_WORDS}"]) if names else _IN_WORDS
        super().__init__(names, words)
        self._kind = kind

    def __call__(self, given: str) -> str:
        if not is_own(given):
            return super().__call__(given)
        if not _FORM.fullmatch(given):
            raise ValueError(f"allowed: {self.words}")
        declaration(self._kind, given)
        sources(split(given)[0])  # What it imports must be Python too.
        return given


class OwnAugmentation(Section):
    name: own("augmentation") = Field(description="a function of your own, package.module:name")
    parameters: dict[str, Any] = Field({}, description="its own keys", validate_default=True)

    @field_validator("parameters")
    @classmethod
    def _fit(cls, parameters, info):
        if "name" in info.data:
            check_parameters("augmentation", info.data["name"], parameters)
        return parameters


class OwnMetric(Section):
    name: own("metric") = Field(
        description="a function of your own, package.module:name; thresholds call it name"
    )
    higher_is_better: bool = Field(description="whether a model is better when it is higher")
    parameters: dict[str, Any] = Field({}, description="its own keys", validate_default=True)

    @field_validator("parameters")
    @classmethod
    def _fit(cls, parameters, info):
        if "name" in info.data:
            check_parameters("metric", info.data["name"], parameters)
        return parameters

    @property
    def key(self) -> str:
        """What the metric is called in thresholds, in the evaluation and in the report."""
        return split(self.name)[1]
