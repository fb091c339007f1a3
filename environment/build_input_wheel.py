"""Builds `steadyfeed-input`: the input function as a wheel of its own.

`python environment/build_input_wheel.py [folder]` copies the input package and what it imports
of this project below one package, so that its names cannot meet the user's own. The wheel
needs TensorFlow, Keras and NumPy; a module that needs more may only be imported in a function
that needs it, as `from_tfds` does.
"""

import ast
import base64
import hashlib
import re
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pipeline.code_fingerprint import sources_of  # noqa: E402

PACKAGE = "steadyfeed_input"
_ROOT_MODULE = "components.trainer.input.function"
_NEEDED = {"tensorflow", "keras", "numpy"}
_OPTIONAL = {"tensorflow_datasets", "etils", "simplejpeg", "cv2", "PIL", "sklearn"}
_EXTRAS = {
    "tfds": ["tensorflow-datasets", "importlib-resources"],
    "jpeg": ["simplejpeg", "opencv-python-headless"],
}
_INIT = f'''"""Feeds image models in TensorFlow; start with `from_tfds` or `input_function`."""

from {PACKAGE}.components.trainer.input.features import LABEL, Feature
from {PACKAGE}.components.trainer.input.function import Input, feed, from_tfds, input_function
from {PACKAGE}.components.trainer.input.options import FeedOptions, Workers
from {PACKAGE}.components.trainer.input.threads import giving_way
from {PACKAGE}.failures import Failure
'''


def build(folder: Path) -> Path:
    """Writes the wheel into `folder` and returns its path.

    Raises:
      SystemExit: the input function imports what the wheel must not need.
    """
    files = {str(file.relative_to(ROOT)): file.read_text() for file in sources_of(_ROOT_MODULE)}
    rooms = {name.split("/")[0] for name in files}
    for name in files:
        check(name, files, rooms)
    content = {f"{PACKAGE}/{name}": moved(text, rooms) for name, text in files.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = project["version"]
    info = f"{PACKAGE}-{version}.dist-info"
    content |= {
        f"{PACKAGE}/__init__.py": _INIT,
        f"{info}/METADATA": _metadata(version, project["license"]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: steadyfeed\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [
        f"{name},sha256={_digest(text)},{len(text.encode())}" for name, text in content.items()
    ]
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{PACKAGE}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(content):
            # A fixed time: the same sources give the same wheel.
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content[name])
    return wheel


def check(name: str, files: dict[str, str], rooms: set[str]) -> None:
    """Raises SystemExit when a file imports what the wheel must not need.

    What a file imports at its top must be needed or, if the file itself is only imported
    inside a function, optional.
    """
    allowed = set(sys.stdlib_module_names) | _NEEDED | rooms
    tree, at_once = ast.parse(files[name]), name in _loaded_at_once(files)
    for node in ast.walk(tree):
        top = at_once and node in tree.body
        wrong = _packages(node) - allowed - (set() if top else _OPTIONAL)
        if wrong:
            sys.exit(
                f"{name}, line {node.lineno}: the input function's wheel needs only "
                f"{', '.join(sorted(_NEEDED))}, not {', '.join(sorted(wrong))}. Import it inside "
                "the function that needs it, or not at all."
            )


def _loaded_at_once(files: dict[str, str]) -> set[str]:
    """The files that importing the input function loads."""
    found, waiting = set(), {_ROOT_MODULE.replace(".", "/") + ".py"}
    while waiting:
        name = waiting.pop()
        found.add(name)
        for node in ast.parse(files[name]).body:
            if isinstance(node, ast.ImportFrom):
                base = node.module.replace(".", "/")
                names = {base, *(f"{base}/{alias.name}" for alias in node.names)}
                waiting |= {f"{one}.py" for one in names} & files.keys() - found
    return found


def _packages(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    return {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def moved(text: str, rooms: set[str]) -> str:
    """A file's text, its imports from this project and names of modules below the package."""
    names = "|".join(sorted(rooms))
    text = re.sub(rf"^(\s*from )({names})\b", rf"\1{PACKAGE}.\2", text, flags=re.MULTILINE)
    return re.sub(rf'"({names})(\.[a-z_]+)+"', lambda found: f'"{PACKAGE}.{found[0][1:]}', text)


def _metadata(version: str, license_name: str) -> str:
    needed = [f"Requires-Dist: {name}" for name in sorted(_NEEDED)]
    extras = [
        line
        for extra, names in _EXTRAS.items()
        for line in (
            f"Provides-Extra: {extra}",
            *(f'Requires-Dist: {name}; extra == "{extra}"' for name in names),
        )
    ]
    head = ["Metadata-Version: 2.4", "Name: steadyfeed-input", f"Version: {version}"]
    head += ["Summary: Feeds image models in TensorFlow so that they do not wait for data."]
    head += [f"License-Expression: {license_name}", "Requires-Python: >=3.11"]
    return "\n".join([*head, *needed, *extras, ""])


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
