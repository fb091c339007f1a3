"""What decides a training beside its inputs and parameters, for the cache keys of its components.

User code and weights are named by their place, and count by their content.
"""

from collections.abc import Iterable

from components.own_code_flag import own_code_flags
from components.trainer.weights_place import version_of
from settings.training import Recipe


def cache_flags(recipe: Recipe, modules: Iterable[str] = ()) -> list[str]:
    """The arguments of a component that trains by the recipe.

    Args:
      modules: of the user code that it runs besides.

    Raises:
      Failure: a module is not found, or weights are not there, or a bucket cannot be asked.
    """
    weights = recipe.model.weights
    flags = own_code_flags([*recipe.own_modules, *modules])
    return [*flags, f"--weights={version_of(weights)}"] if weights else flags
