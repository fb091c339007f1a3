"""The networks to choose from: each file of this folder is one, named as the file.

A file declares

- `TASK`: "classification" or "segmentation";
- `network(pixels, classes, *, …)`, which returns the logits. Its keyword parameters are the keys
  of `model.parameters`: type, range and description stand in their annotations
  (`Annotated[float, Field(ge=0, description="…")]`), and nowhere else;
- `PRETRAINED_PIXELS`, if files of weights without the classifier are published for it: mean and
  standard deviation of the pixels, 0..255, that those were trained with;
- `OWN_PREPROCESSING = True`, if it takes pixels from 0 to 255 and normalises them itself. All
  others get them normalised.

It imports Keras and TensorFlow inside its functions only: checking a configuration reads these
signatures, and must not take seconds. A file whose name begins with an underscore is not a network.
"""

import importlib
from pathlib import Path
from types import ModuleType

NAMES = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py")))


def load(name: str) -> ModuleType:
    """The file of the network `name`, one of `NAMES`."""
    return importlib.import_module(f"models.{name}")


def has_backbone(name: str) -> bool:
    """Whether files of weights are published for what the network `name` sees through."""
    file = load(name)
    return any(hasattr(file, mark) for mark in ("PRETRAINED_PIXELS", "OWN_PREPROCESSING"))


def task_of(name: str) -> str:
    """The task of the network `name`: "classification" or "segmentation"."""
    return load(name).TASK
