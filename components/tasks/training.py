"""How models of a task are trained: the file `training.py` of its folder.

It declares

- `Loss`, made and called as `components.trainer.losses.Loss` is;
- `Tallies`, made and called as `components.trainer.tallies.Tallies` is;
- `feature(image_shape, classes)`: the target in the transformed Examples;
- `labels(targets)`: what `Loss` judges by, of a batch of targets;
- `ARE_PICTURES`: whether targets are moved by augmentations as their images are;
- `ACCURACY`: what the accuracy is called in words;
- `choices(logits, targets, weights)`, only if a temperature is fitted to the logits: the `Choices`
  of `components.trainer.choices` that it is fitted to;
- `METRIC`: the validation's metric besides loss and accuracy, or None;
- `choose(model, image_shape, classes, files, at_once)`, only if the served model needs what is
  chosen on the transformed Examples of the validation split, none as well, of which `at_once` fit
  into the device's memory: the last argument of `answer` of `signature.py`, (classes,) float32.
"""

import importlib
from types import ModuleType


def training_of(task: str) -> ModuleType:
    return importlib.import_module(f"components.tasks.{task}.training")
