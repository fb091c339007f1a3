"""The input function changes nothing in its user's process."""

import os
import subprocess
import sys

import pytest

# What the process has imported does not change while one forked from it looks at another case.
CODE = """
import io, os, sys
import numpy as np
import tensorflow as tf
from PIL import Image

def use(threads):
    before = dict(os.environ)
    from components.trainer.input.decode import decode_images
    from components.trainer.input.function import input_function

    file = io.BytesIO()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(file, "JPEG")
    assert decode_images(tf.constant([file.getvalue()]), (8, 8, 3)).shape == (1, 192)
    assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())
    import cv2
    assert cv2.getNumThreads() == threads and not cv2.ipp.useIPP_NotExact()
    print(threads, cv2.resize(np.zeros((4, 4), np.uint8), (2, 2)).shape, flush=True)

assert "cv2" not in sys.modules
if not os.fork():
    import cv2
    cv2.setNumThreads(7)
    use(7)
    os._exit(0)
os.wait()
use(os.cpu_count())
"""


# Every read is in progress for long, so one is at the end.
LIVE = """
import time
import numpy as np
import tensorflow as tf
from components.trainer.input import disk
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions
from components.transform.encoding import FixedExample

form = FixedExample({{"image": 3 << 20, "label": "int64"}})
with tf.io.TFRecordWriter({file!r}) as writer:
    for number in range(24):
        writer.write(form.encode({{"image": bytes(3 << 20), "label": number}}))

at_once = disk._load
def slowly(*arguments):
    time.sleep(0.3)
    return at_once(*arguments)
disk._load = slowly

options = FeedOptions(strategy="disk", cache_dir={folder!r}, seed=1)
made = input_function([{file!r}], (1024, 1024, 3), 2, training=True, options=options)
batches = iter(made.dataset)
print(next(batches)[0].shape)
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A process in which OpenCV was not imported first, and which ended with a live iterator."""
    folder = tmp_path_factory.mktemp("live")
    live = LIVE.format(file=str(folder / "shard"), folder=str(folder))
    how = {"capture_output": True, "text": True, "timeout": 300}
    return subprocess.run([sys.executable, "-c", CODE + live], **how)


@pytest.mark.slow
def test_opencv_and_the_environment_are_as_the_user_left_them(ended):
    assert ended.stdout.startswith("7 (2, 2)\n"), ended.stderr


@pytest.mark.slow
def test_opencv_and_the_environment_are_as_they_were_without_opencv(ended):
    assert f"\n{os.cpu_count()} (2, 2)\n" in ended.stdout, ended.stderr


@pytest.mark.slow
def test_a_process_ends_while_the_disk_is_read_for_a_live_iterator(ended):
    assert ended.stdout.endswith("\n(2, 1024, 1024, 3)\n"), ended.stderr
    assert ended.returncode == 0, ended.stderr
