"""The models there are, without importing one: a wrong name is told before TensorFlow loads.

A model is a file in this folder with a function `network` and its `TASK`, "classification" or
"segmentation"; its name is the file's. One whose `network` takes `weights` also says, as
`PRETRAINED_PIXELS`, the mean and spread of the pixels that these were trained with.
"""

import ast
from pathlib import Path

_FOLDER = Path(__file__).parent

MODEL_NAMES = tuple(sorted(file.stem for file in _FOLDER.glob("*.py") if file.stem != "names"))


def parameter_names(name: str) -> list[str]:
    """What the model `name` can be told: the keyword-only parameters of its `network`."""
    return [parameter.arg for parameter in _parameters(name)]


def parameters_of_fractions(name: str) -> list[str]:
    """Of these the ones that take any number, and not whole ones alone."""
    annotated = [one for one in _parameters(name) if one.annotation]
    return [one.arg for one in annotated if "float" in ast.unparse(one.annotation)]


def task_of(name: str) -> str:
    """What the model `name` is for: "classification" or "segmentation"."""
    [task] = [
        node.value
        for node in _statements(name)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TASK"
    ]
    return ast.literal_eval(task)


def _parameters(name: str) -> list[ast.arg]:
    [network] = [
        node
        for node in _statements(name)
        if isinstance(node, ast.FunctionDef) and node.name == "network"
    ]
    return network.args.kwonlyargs


def _statements(name: str) -> list[ast.stmt]:
    return ast.parse((_FOLDER / f"{name}.py").read_text(encoding="utf-8")).body
