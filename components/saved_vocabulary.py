"""The class names in a SavedModel, one a line of an asset that Transform wrote."""

import os

from files import places

FILE = os.path.join("assets", "labels")


def read(model: str) -> list[str]:
    """The names of a SavedModel's classes, in the order of its probabilities.

    Raises:
      OSError, or for a remote path tf.errors.OpError: it has none.
    """
    with places.opened(os.path.join(model, FILE)) as file:
        # Not splitlines: a name may hold what Unicode takes for a line break.
        return file.read().decode().removesuffix("\n").split("\n")
