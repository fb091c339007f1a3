"""Programs that a component starts find their libraries as without OpenCV in this process."""

import os
import subprocess
import sys

import pytest

CODE = """
import os
import cv2  # as Keras does
from components.child_environment import child_environment
assert "cv2" in os.environ["LD_LIBRARY_PATH"]
print(child_environment().get("LD_LIBRARY_PATH"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("given", [None, "/some/libraries"])
def test_a_program_gets_the_library_path_of_this_process(given):
    environment = {key: text for key, text in os.environ.items() if key != "LD_LIBRARY_PATH"}
    if given:
        environment["LD_LIBRARY_PATH"] = given
    assert subprocess.check_output([sys.executable, "-c", CODE], env=environment, text=True) == (
        f"{given}\n"
    )
