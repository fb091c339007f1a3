"""What is read from the outputs of a task's served model: the file `answers.py` of its folder.

It declares

- `OUTPUTS`: the signature's outputs, by which a model's task is known;
- `EXPECTED`: of how many images the Trainer keeps the answers for the serving check, if they fit
  into memory together;
- `as_json(probabilities)`: those of one image as JSON keeps them, and `from_json`, its inverse, as
  (values,) float;
- `contradictions(answer, expected)`: what is wrong between the outputs of a batch, in words;
- `read(outputs)`: an Answer for each image;
- `columns(answer)`: what batch-predict writes beside the probabilities, as JSON texts;
- `facts(answer, labels, top)`: what predict says of an image, and `text(facts)`, that in a line;
- `confidence(answer)`, only if predict may reject an answer: its probability, 0..1;
- `LAYER`: how many numbers one layer of the network may have for all images that are answered at
  once, so that a few such layers fit into memory.
"""

import importlib
from types import ModuleType

from components import tasks


def answers_of(task: str) -> ModuleType:
    return importlib.import_module(f"components.tasks.{task}.answers")


def task_of(outputs) -> str | None:
    """The task of a model with these outputs; None where it is not one of ours."""
    found = (name for name in tasks.NAMES if set(answers_of(name).OUTPUTS) <= set(outputs))
    return next(found, None)
