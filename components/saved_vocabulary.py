"""Reads the class names in a SavedModel: an asset that Transform wrote, one name a line."""

import os

FILE = os.path.join("assets", "labels")


def class_names(content: bytes) -> list[str]:
    """The names that the file's content holds, in the order of the model's probabilities."""
    # Not splitlines: a name may contain what Unicode counts as a line break.
    return content.decode().removesuffix("\n").split("\n")
