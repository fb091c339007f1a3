"""What the served model of a task gives: the file `signature.py` of its folder.

It declares

- `probabilities(logits)`: (batch, …, classes) float32 of logits of the same shape;
- `answer(probabilities, names)`: the signature's outputs; names is (classes,) string, and behind
  it comes what the training chose, if `training.py` chooses anything;
- `TABLE`: whether the transform graph looks classes up in the vocabulary, which is then an asset of
  the model by itself.
"""

import importlib
from types import ModuleType


def signature_of(task: str) -> ModuleType:
    return importlib.import_module(f"components.tasks.{task}.signature")
