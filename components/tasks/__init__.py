"""What models answer: each folder here is one task, named as `Features.task`.

A task's folder holds one file for each place where tasks differ, and the file beside the folders
that has the same name says what it declares and loads it:

- `transform.py`: the target in transformed Examples, checked and counted;
- `training.py`: the loss, what is counted of an epoch, and the target's feature;
- `signature.py`: the outputs of the served model;
- `answers.py`: what is read from these outputs, without TensorFlow;
- `evaluation.py`: what the Evaluator counts and names;
- `report.py` and `report.html`: the section of the report.

A component imports the part that it needs and no other, so that an edit of what is counted runs no
training again. A task's metrics are those files of `metrics/` that name it in `TASKS`.
"""

from pathlib import Path

NAMES = tuple(sorted(file.parent.name for file in Path(__file__).parent.glob("*/__init__.py")))
