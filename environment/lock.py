"""Renews requirements.txt and what is added to it, -gpu and -bench, from pyproject.toml.

    make lock

The lock is universal (Linux and macOS), every file has its hash, and nothing
names an index. The other two hold only what CUDA and the benchmark's peers add.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "bin" / "uv"
HEADER = "# Made by `make lock` from pyproject.toml; change that file, not this one.\n"


def main():
    compile_lock("requirements.txt")
    for name, option in (("gpu", "--extra=gpu"), ("bench", "--group=bench")):
        compile_lock(f"requirements-{name}.txt", option, "--constraint=requirements.txt")
        keep_what_is_added(ROOT / f"requirements-{name}.txt", to=ROOT / "requirements.txt")


def compile_lock(name, *options):
    subprocess.run(
        [UV, "pip", "compile", "pyproject.toml", "--group=test", "--universal", "--quiet"]
        + ["--python-version=3.11", "--generate-hashes", "--no-header", "--no-annotate"]
        + [*options, f"--output-file={name}"],
        cwd=ROOT,
        check=True,
    )
    (ROOT / name).write_text(HEADER + (ROOT / name).read_text())


def keep_what_is_added(larger, to):
    present = set(_entries(to.read_text()))
    added = [e for e in _entries(larger.read_text()) if e not in present]
    larger.write_text(HEADER + "".join(added))


def _entries(text):
    """The requirements of a lock, each with its hashes."""
    return re.findall(r"^[A-Za-z0-9].*\n(?:[ ]+--hash.*\n)*", text, re.MULTILINE)


if __name__ == "__main__":
    main()
