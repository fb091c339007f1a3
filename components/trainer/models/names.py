"""The models there are, without importing one: a wrong name is told before TensorFlow loads.

A model is a file in this folder with a function `network`; its name is the file's.
"""

from pathlib import Path

MODEL_NAMES = tuple(
    sorted(file.stem for file in Path(__file__).parent.glob("*.py") if file.stem != "names")
)
