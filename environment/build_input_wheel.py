"""Builds `steadyfeed-input`: the input function as a wheel of its own.

`python environment/build_input_wheel.py [folder]` copies the input package and what it imports
of this project below one package, so that its names cannot meet the user's own. The wheel
needs TensorFlow, Keras and NumPy; a module that needs more may only be imported in a function
that needs it, as `from_tfds` does: tests/environment/test_input_wheel.py checks that.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pipeline.code_fingerprint import sources_of  # noqa: E402

PACKAGE = "steadyfeed_input"
ROOT_MODULE = "components.trainer.input.function"
_INIT = f'''"""Feeds image models in TensorFlow; start with `from_tfds` or `input_function`."""

from {PACKAGE}.components.trainer.input.crop import RandomCrop
from {PACKAGE}.components.trainer.input.features import LABEL, Feature
from {PACKAGE}.components.trainer.input.function import Input, feed, from_tfds, input_function
from {PACKAGE}.components.trainer.input.options import FeedOptions, Workers
from {PACKAGE}.components.trainer.input.threads import giving_way
from {PACKAGE}.failures import Failure
'''


_PROJECT = """\
[project]
name = "steadyfeed-input"
version = "{version}"
description = "Feeds image models in TensorFlow so that they do not wait for data."
license = "{license}"
requires-python = ">=3.11"
dependencies = ["keras", "numpy", "tensorflow"]

[project.optional-dependencies]
tfds = ["tensorflow-datasets", "importlib-resources"]
jpeg = ["simplejpeg", "opencv-python-headless"]
buckets = ["gcsfs", "s3fs"]

[build-system]
requires = ["uv_build"]
build-backend = "uv_build"

[tool.uv.build-backend]
module-root = ""
"""


def build(folder: Path) -> Path:
    """Writes the wheel into `folder` and returns its path; the same sources give the same bytes."""
    files = {str(file.relative_to(ROOT)): file.read_text() for file in sources_of(ROOT_MODULE)}
    rooms = {name.split("/")[0] for name in files}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    content = {f"{PACKAGE}/{name}": moved(text, rooms) for name, text in files.items()}
    content |= {f"{PACKAGE}/__init__.py": _INIT, "pyproject.toml": _PROJECT.format(**project)}
    with tempfile.TemporaryDirectory() as sources:
        for name, text in content.items():
            place = Path(sources, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        uv = ROOT / ".venv" / "bin" / "uv"  # It has the backend in itself, and needs no network.
        command = [uv, "build", "-q", "--offline", "--wheel", "--out-dir", folder.resolve()]
        subprocess.run([*command, sources], check=True)
    return folder / f"{PACKAGE}-{project['version']}-py3-none-any.whl"


def moved(text: str, rooms: set[str]) -> str:
    """A file's text, its imports from this project and names of modules below the package."""
    names = "|".join(sorted(rooms))
    text = re.sub(rf"^(\s*from )({names})\b", rf"\1{PACKAGE}.\2", text, flags=re.MULTILINE)
    return re.sub(rf'"({names})(\.[a-z_]+)+"', lambda found: f'"{PACKAGE}.{found[0][1:]}', text)


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
