"""The datasets that come with the project, which are made here, without a download."""

import importlib

import tensorflow_datasets as tfds

# The module that registers each of them.
MODULES = {
    "digits": "datasets.digits",
    "digit_pairs": "datasets.digit_pairs",
    "digit_scenes": "datasets.digit_scenes",
}
PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn"}  # they are made with: module, package


def register(name: str) -> tfds.core.Version | None:
    """Has TFDS know an embedded dataset.

    Returns:
      The version that comes along, or None where a package to make it is not installed, as beside
      the wheel of the input function: there it can only be read where it is prepared.
    """
    try:
        importlib.import_module(MODULES[name])
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in PACKAGES:
            raise
        return None
    return tfds.builder_cls(name).VERSION
