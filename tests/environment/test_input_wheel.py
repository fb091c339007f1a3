"""The input function installs by itself, and works beside the user's own OpenCV."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from environment import build_input_wheel

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venv" / "bin" / "uv"
NEEDED = {"tensorflow", "keras", "numpy"}
BUCKETS = {"aiohttp", "botocore", "fsspec", "gcsfs", "google", "google_crc32c", "requests"}
DATASETS = {"tensorflow_datasets", "array_record", "etils", "sklearn"}
OPTIONAL = {"simplejpeg", "cv2", "PIL"} | DATASETS | BUCKETS
USE = """
import cv2, importlib.util, os, sys
import numpy as np
import tensorflow as tf
from steadyfeed_input import FeedOptions, input_function

own = cv2.getNumThreads()
assert not importlib.util.find_spec("tfx") and not importlib.util.find_spec("pydantic")

def example(number):
    jpeg = cv2.imencode(".jpg", np.full((9, 9, 3), number, np.uint8))[1].tobytes()
    return tf.train.Example(features=tf.train.Features(feature={
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
    })).SerializeToString()

with tf.io.TFRecordWriter("shard") as writer:
    for number in range(10):
        writer.write(example(number))
for strategy in ("memory", "disk", "streaming"):
    options = FeedOptions(seed=1, strategy=strategy, cache_dir="cache")
    made = input_function(["shard"], (8, 8, 3), 5, training=False, encoded=True, options=options)
    found = [(int(label), int(image[0, 0, 0])) for images, labels in made.dataset
             for image, label in zip(images, labels)]
    assert sorted(label for label, _ in found) == list(range(10)), found
    assert all(abs(label - pixel) <= 1 for label, pixel in found), found
assert "components" not in sys.modules and cv2.getNumThreads() == own
assert cv2.resize(np.zeros((4, 4), np.uint8), (2, 2)).shape == (2, 2)
print("used")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_input_wheel.build(tmp_path_factory.mktemp("dist"))


@pytest.mark.slow
def test_it_holds_one_package_that_imports_nothing_of_this_project_by_its_name(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        sources = {name: archive.read(name).decode() for name in names if name.endswith(".py")}
    assert {name.split("/")[0].split("-")[0] for name in names} == {"steadyfeed_input"}
    for name, text in sources.items():
        compile(text, name, "exec")
        for line in text.splitlines():
            room = line.strip().removeprefix("from ").split(".")[0].split(" ")[0]
            assert not (line.strip().startswith("from ") and (ROOT / room).is_dir()), (name, line)


def test_the_same_sources_give_the_same_wheel(wheel, tmp_path):
    assert build_input_wheel.build(tmp_path).read_bytes() == wheel.read_bytes()


@pytest.fixture
def files():
    sources = build_input_wheel.sources_of(build_input_wheel.ROOT_MODULE)
    return {str(one.relative_to(ROOT)): one.read_text() for one in sources}


def test_it_imports_nothing_that_the_wheel_does_not_need(files):
    first = loaded_at_once(files)
    assert [fault for name in files for fault in imports_too_much(name, files, first)] == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("components/trainer/input/function.py", "import tfx"),
        ("components/trainer/input/function.py", "import tensorflow_datasets"),
        ("components/tfds_example_gen/dataset.py", "import apache_beam"),
    ],
)
def test_an_import_of_more_than_it_may_need_is_found(files, file, text):
    files[file] = f"{text}\n{files[file]}"
    assert f"{file}, line 1: {text.split()[-1]}" in imports_too_much(
        file, files, loaded_at_once(files)
    )


def imports_too_much(name, files, first):
    """What a file imports that the wheel does not need.

    What it imports at its top must be needed or, if the file itself is not one of those loaded
    `first` and only imported inside a function, optional.
    """
    allowed = set(sys.stdlib_module_names) | NEEDED | {other.split("/")[0] for other in files}
    tree = ast.parse(files[name])
    return [
        f"{name}, line {node.lineno}: {package}"
        for node in ast.walk(tree)
        for package in packages(node) - allowed
        if (name in first and node in tree.body) or package not in OPTIONAL
    ]


def loaded_at_once(files):
    """The files that importing the input function loads."""
    found, waiting = set(), {build_input_wheel.ROOT_MODULE.replace(".", "/") + ".py"}
    while waiting:
        name = waiting.pop()
        found.add(name)
        for node in ast.parse(files[name]).body:
            if isinstance(node, ast.ImportFrom):
                base = node.module.replace(".", "/")
                names = {base, *(f"{base}/{alias.name}" for alias in node.names)}
                waiting |= {f"{one}.py" for one in names} & files.keys() - found
    return found


def packages(node):
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    return {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) else set()


@pytest.mark.slow
def test_it_works_in_a_clean_environment_beside_the_users_own_opencv(wheel, tmp_path):
    if not UV.exists() and not shutil.which("uv"):
        pytest.skip("uv is not installed")
    uv = str(UV) if UV.exists() else shutil.which("uv")
    python = tmp_path / "venv" / "bin" / "python"
    real = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    subprocess.run([uv, "venv", "-q", "-p", str(real), str(tmp_path / "venv")], check=True)
    installed = subprocess.run(
        [uv, "pip", "install", "-q", "-p", str(python), str(wheel)]
        + ["opencv-python-headless", "simplejpeg", "tensorflow==2.21.0"],
        env=os.environ | {"UV_LINK_MODE": "symlink"},  # from another file system, maybe
        capture_output=True,
        text=True,
    )
    if installed.returncode:
        pytest.skip(f"the packages cannot be installed: {installed.stderr.splitlines()[-1]}")
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    ran = subprocess.run(
        [python, "-c", USE], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.stdout == "used\n", ran.stderr
