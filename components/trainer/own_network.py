"""A user's network, between the normalised pixels and the logits."""

import inspect
from collections.abc import Mapping
from typing import Any

from components import own_code
from failures import Failure


def logits_of(
    name: str, parameters: Mapping[str, Any], pixels, classes: int, per_pixel: bool | None = None
):
    """Logits (batch, classes) or, for each pixel, (batch, height, width, classes).

    Args:
      name: `package.module:Name` of a function of `pixels` and `classes`, or of a class that is
        made with its parameters, and with `classes` if it asks for them, and called with pixels.
      pixels: a KerasTensor (batch, height, width, channels), float.
      per_pixel: which of the two is wanted; None for either.

    Raises:
      Failure: it cannot be loaded, something went wrong in it, or it answers something else.
    """
    network = own_code.load("Trainer", name)
    with own_code.reported("Trainer", name):
        if inspect.isclass(network):
            asked = inspect.signature(network).parameters
            given = {"classes": classes} if "classes" in asked else {}
            logits = network(**given, **parameters)(pixels)
        else:
            logits = network(pixels=pixels, classes=classes, **parameters)
    shape = getattr(logits, "shape", None)
    answers = {False: (None, classes), True: (None, *pixels.shape[1:3], classes)}
    wanted = list(answers.values()) if per_pixel is None else [answers[per_pixel]]
    if shape not in wanted:
        given = type(logits).__name__ if shape is None else f"the shape {shape}"
        raise Failure(
            f"Trainer: {name} returns {given}; allowed: "
            f"{' or '.join(map(str, wanted))}, where None is the batch."
        )
    return logits
