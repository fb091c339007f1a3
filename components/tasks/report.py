"""How the report shows a task: the files `report.py` and `report.html` of its folder.

`report.html` is what the section Evaluation shows behind the metrics; `report.py` declares, without
TensorFlow,

- `NOUN`: what is counted, in the plural;
- `SCORES`: the scores of each class, each with its title, and `SCORE`, the one that decides which
  class is the weakest;
- `CONFIDENCE`, only if it is counted how sure a model was: the title of the diagram, and what is
  across and upwards there;
- `classes(folder)`: by class id, what a ModelEvaluation's local folder says of each class: its
  `name`, `actual`, how often it is true, and the `SCORES`;
- `shown(example, number, pictures)`: [(alternative text, Picture)] of one of the worst examples, by
  the functions of `report.pictures`.
"""

import importlib
from types import ModuleType


def report_of(task: str) -> ModuleType:
    return importlib.import_module(f"components.tasks.{task}.report")
