"""What a search space says beside its own words: where it has fractions, what is in its files."""

from components.trainer.weights_place import version_of
from settings.training import Recipe
from settings.tuner import Tried, Tuner, takes_fractions


def with_fractions(tuner: Tuner, recipe: Recipe) -> Tuner:
    """The section, with ranges of fractions for all keys that take them.

    {"augmentation.crop": {"min": 0, "max": 1}} would otherwise try 0 and 1 and nothing between.
    """
    space = {
        key: _of_fractions(tried)
        if tried.choices is None and takes_fractions(key, recipe)
        else tried
        for key, tried in tuner.search_space.items()
    }
    return tuner.model_copy(update={"search_space": space})


def weights_tried(tuner: Tuner) -> list[str]:
    """What stands for the content of all weights to choose from; [] if there are none."""
    tried = tuner.search_space.get("model.weights")
    return [version_of(place) for place in (tried and tried.choices) or []]


def _of_fractions(tried: Tried) -> Tried:
    return tried.model_copy(update={"min": float(tried.min), "max": float(tried.max)})
