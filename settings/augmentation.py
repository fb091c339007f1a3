"""The section `augmentation`: random changes of the training images."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

import augmentations
from settings.function_parameters import keyword_parameters, section_of
from settings.own_code import OwnAugmentation

_CHANGES = [f for name in augmentations.NAMES for f in augmentations.functions_of(name).values()]


class Augmentation(section_of("AugmentationKeys", _CHANGES)):
    """Random changes of the training images, on the accelerator; all are off by default."""

    own: list[OwnAugmentation] = Field(
        [], description="changes of your own, in this order, after those that move and recolour"
    )

    @staticmethod
    def keys_of(name: str) -> list[str]:
        """The keys that the augmentation `name`, a file of augmentations/, declares."""
        functions = augmentations.functions_of(name).values()
        return list(dict.fromkeys(key for f in functions for key in keyword_parameters(f)))

    def given_to(self, function: Callable) -> dict[str, Any]:
        """The values of the keys that a function of an augmentation takes."""
        return {key: getattr(self, key) for key in keyword_parameters(function)}

    @property
    def active(self) -> list[str]:
        """The augmentations that change something, in the order in which they take part."""
        defaults = {key: field.default for key, field in type(self).model_fields.items()}
        return [
            name
            for name in augmentations.NAMES
            if any(getattr(self, key) != defaults[key] for key in self.keys_of(name))
        ]

    @property
    def needing_colour(self) -> list[str]:
        """Those of `active` that can change RGB images only."""
        return [name for name in self.active if needs_colour(name)]

    @property
    def changes(self) -> bool:
        """Whether any augmentation is on, those of user code included."""
        return bool(self.active or self.own)


def needs_colour(name: str) -> bool:
    """Whether the augmentation `name` can change RGB images only."""
    return getattr(augmentations.load(name), "NEEDS_COLOUR", False)
