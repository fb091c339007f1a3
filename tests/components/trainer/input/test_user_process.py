"""The input function changes nothing in its user's process."""

import subprocess
import sys

import pytest

CODE = """
import io, os
{first}
import numpy as np
import tensorflow as tf
from PIL import Image

before = dict(os.environ)
from components.trainer.input.decode import decode_images
from components.trainer.input.function import input_function

file = io.BytesIO()
Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(file, "JPEG")
assert decode_images(tf.constant([file.getvalue()]), (8, 8, 3)).shape == (1, 192)
assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())
import cv2
assert cv2.getNumThreads() == {threads} and not cv2.ipp.useIPP_NotExact()
print(cv2.resize(np.zeros((4, 4), np.uint8), (2, 2)).shape)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "threads"), [("import cv2; cv2.setNumThreads(7)", "7"), ("", "os.cpu_count()")]
)
def test_opencv_and_the_environment_are_as_the_user_left_them(first, threads):
    code = CODE.format(first=first, threads=threads)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout, ran.returncode) == ("(2, 2)\n", 0), ran.stderr
