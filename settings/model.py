"""The section `model`: which network is trained, and what it begins with."""

import functools
from typing import Any

from pydantic import Field, ValidationError, field_validator

import models
from settings.first_weights import Weights
from settings.function_parameters import section_of
from settings.mistakes import InnerMistakes
from settings.own_code import check_parameters, declaration, is_own, own
from settings.section import Section


@functools.cache
def parameters_of(model: str) -> type[Section]:
    """The section of what `model.parameters` may hold for the model of this name."""
    if is_own(model):
        return declaration("network", model).parameters
    return section_of(model, [models.load(model).network])


class Model(Section):
    name: own("network", models.NAMES) = Field(
        description="the network, a file of models/, or a function or class of your own"
    )
    weights: Weights | None = Field(
        None,
        description="what the training begins with: a model that this project trained (a pushed "
        "version or Trainer's artifact), or a file of Keras weights without the classifier; a "
        "last layer of other classes begins anew; omit for random weights",
    )
    parameters: dict[str, Any] = Field(
        {},
        description="the keys of the network, listed below, or of your own one",
        validate_default=True,
    )

    @field_validator("parameters")
    @classmethod
    def _fit_the_model(cls, parameters, info):
        if "name" not in info.data:  # The name is reported.
            return parameters
        if is_own(info.data["name"]):
            check_parameters("network", info.data["name"], parameters)
        else:
            kind = parameters_of(info.data["name"])
            try:
                kind.model_validate(parameters)
            except ValidationError as error:
                raise InnerMistakes(kind, error) from None
        return parameters
