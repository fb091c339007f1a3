"""The models there are, without importing one: a wrong name is told before TensorFlow loads.

A model is a file in this folder with a function `network`; its name is the file's.
"""

import ast
from pathlib import Path

_FOLDER = Path(__file__).parent

MODEL_NAMES = tuple(sorted(file.stem for file in _FOLDER.glob("*.py") if file.stem != "names"))


def parameter_names(name: str) -> list[str]:
    """What the model `name` can be told: the keyword-only parameters of its `network`."""
    tree = ast.parse((_FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    [network] = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "network"
    ]
    return [parameter.arg for parameter in network.args.kwonlyargs]
