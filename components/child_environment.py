"""The environment for the programs that a component starts."""

import os
import sys


def child_environment() -> dict[str, str]:
    """This process's variables without the folder that OpenCV's import adds.

    TensorFlow imports Keras, and Keras imports OpenCV wherever it is installed. OpenCV then puts
    a folder of its own before LD_LIBRARY_PATH, and with it, where that was not set, an empty
    entry, which means the current folder: a program must not look for its libraries there.
    """
    environment = dict(os.environ)
    opencv = sys.modules.get("cv2")
    if opencv is not None and "LD_LIBRARY_PATH" in environment:
        added = os.path.join(os.path.dirname(os.path.realpath(opencv.__file__)), "../../lib64:")
        rest = environment.pop("LD_LIBRARY_PATH").removeprefix(added)
        if rest:
            environment["LD_LIBRARY_PATH"] = rest
    return environment
