"""What the Evaluator counts of a task: the file `evaluation.py` of its folder.

It declares

- `Counting`: loads the models of a Plan, and counts their answers batch by batch;
- `Counts`: what it counts of one model. `zeros(classes)` makes them, `+=` adds those of another
  shard, `as_lists()` gives them to counts.json; `unknown` is the number of labels that no model
  knows;
- `NOTHING_COUNTED`: what is wrong with a split of which nothing was counted;
- `TFMA_METRICS`: TFMA's metrics of the same meaning, by name;
- `OF_ONE_CLASS`: what the examples of one class are counted as in TFMA's slices; None where an
  example has no class of its own, so that there are no slices and no confusion;
- `summary(metrics)`: the scores in words, and the metric and digits to compare a champion by.
"""

import importlib
from types import ModuleType


def evaluation_of(task: str) -> ModuleType:
    return importlib.import_module(f"components.tasks.{task}.evaluation")
