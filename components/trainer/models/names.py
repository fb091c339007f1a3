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


def parameter_types(name: str) -> dict[str, str]:
    """Of each the annotation as it is written, as in "float", "Literal[50, 101]"; "" for none.

    An annotation that is a name of the file's own is what the file says that it is.
    """
    named = {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in _statements(name)
        if isinstance(node, ast.Assign)
    }
    written = {
        one.arg: ast.unparse(one.annotation) if one.annotation else "" for one in _parameters(name)
    }
    return {parameter: named.get(kind, kind) for parameter, kind in written.items()}


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
