"""Who may import whom. Each room stands on a floor and imports only from floors below it."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
# From the top; rooms on one floor do not import each other, except where BESIDE says so.
FLOORS = (
    {"cli"},
    {"report"},
    {"kfp"},
    {"pipeline"},
    {"components"},
    {"settings", "datasets"},
    {"models", "augmentations", "metrics"},
    {"files"},
    {"failures"},
)
SDK = {"kfp", "kfp_server_api"}
# Modules of TFX that run a pipeline or a part of it on this machine.
LOCAL_ORCHESTRATION = ("tfx.orchestration.local", "tfx.orchestration.beam")


@functools.cache
def rooms():
    found = set()
    for path in PROJECT.iterdir():
        hidden = path.name.startswith(".") or path.name in ("tests", "benchmarks", "environment")
        if path.is_dir() and not hidden and any(path.glob("*.py")):
            found.add(path.name)
    return found


def room_of(file):
    path = file.relative_to(PROJECT)
    return "cli" if path.as_posix() == "pipeline/__main__.py" else path.parts[0]


def imports(file):
    """The dotted names of all that a file imports, within functions as well."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports by the whole name are clearer"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def all_imports():
    return [
        (file, name)
        for room in sorted(rooms())
        for file in sorted((PROJECT / room).rglob("*.py"))
        for name in imports(file)
    ]


def is_ours(name):
    """Of `kfp`, the SDK's folder takes our modules in: ours are those that lie here."""
    parts = name.split(".")
    if parts[0] != "kfp":
        return parts[0] in rooms()
    return len(parts) > 1 and (PROJECT / "kfp" / f"{parts[1]}.py").exists()


def floor_of(room):
    [floor] = [number for number, floor in enumerate(FLOORS) if room in floor]
    return floor


def test_every_room_stands_on_a_floor():
    assert rooms() <= set().union(*FLOORS)


@pytest.mark.slow
def test_each_room_imports_only_from_floors_below():
    upwards = {
        (str(file.relative_to(PROJECT)), name)
        for file, name in all_imports()
        if is_ours(name)
        and name.split(".")[0] != room_of(file)
        and floor_of(name.split(".")[0]) <= floor_of(room_of(file))
    }
    assert upwards == set()


@pytest.mark.slow
def test_only_kfp_imports_the_sdk():
    others = {
        (str(file.relative_to(PROJECT)), name)
        for file, name in all_imports()
        if name.split(".")[0] in SDK and not is_ours(name) and room_of(file) != "kfp"
    }
    assert others == set()


@pytest.mark.slow
def test_only_the_local_runner_runs_a_pipeline_on_this_machine():
    knowing = {
        file.relative_to(PROJECT).as_posix()
        for file, name in all_imports()
        if name.startswith(LOCAL_ORCHESTRATION)
    }
    assert knowing == {"pipeline/local_runner.py"}


@pytest.mark.slow
@pytest.mark.parametrize("module", ["settings.reading", "cli.command_line"])
def test_reading_a_configuration_imports_no_framework(module):
    code = (
        f"import sys, {module}\n"
        "heavy = {'tensorflow', 'tfx', 'keras', 'apache_beam', 'ml_metadata', 'kfp_server_api'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=PROJECT) == b"[]\n"
