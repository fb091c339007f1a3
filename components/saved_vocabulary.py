"""The class names in a SavedModel, one a line of an asset that Transform wrote."""

import os

FILE = os.path.join("assets", "labels")


def class_names(content: bytes) -> list[str]:
    """The names that the file's content holds, in the order of the model's probabilities."""
    # Not splitlines: a name may hold what Unicode takes for a line break.
    return content.decode().removesuffix("\n").split("\n")
