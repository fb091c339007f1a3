"""Renaming, syncing and locking are done here alone, so that all of it is safe from kills."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# `environment` runs before anything is installed, and stands by itself.
ELSEWHERE = {"files", "tests", "benchmarks", "environment"}


def rooms():
    for folder in PROJECT.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in ELSEWHERE:
            yield from folder.rglob("*.py")


def renames_syncs_or_locks(node):
    if isinstance(node, ast.Import):
        return any(alias.name == "fcntl" for alias in node.names)
    if not isinstance(node, ast.Attribute):
        return False
    of_os = isinstance(node.value, ast.Name) and node.value.id == "os"
    return node.attr in ("rename", "renames", "fsync") or (of_os and node.attr == "replace")


@pytest.mark.slow
def test_no_other_room_renames_syncs_or_locks():
    found = [
        f"{file.relative_to(PROJECT)}:{node.lineno}"
        for file in rooms()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if renames_syncs_or_locks(node)
    ]
    assert found == []
