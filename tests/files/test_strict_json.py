"""What is written as JSON is JSON to every parser, whatever the numbers."""

import ast
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files.strict_json import text_of
from tests.files.test_only_files_does import PROJECT, rooms

# What it writes, it alone reads, and its infinite losses must come back.
OF_ITS_OWN = {"components/trainer/checkpoints.py"}


def strictly(text):
    """The value of a text of JSON; Python's own additions raise."""

    def refuse(token):
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


_halves = st.characters(categories=["Cs"])
_texts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\ud8\U0001f600"), max_size=3
)
_values = st.recursive(
    st.none() | st.floats() | _texts | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
)


@given(_values)
def test_a_number_that_is_not_finite_is_null_and_all_else_is_as_it_was(value):
    def expected(one):
        if isinstance(one, dict):
            return {key: expected(inner) for key, inner in one.items()}
        if isinstance(one, list):
            return [expected(inner) for inner in one]
        return None if isinstance(one, float) and not math.isfinite(one) else one

    assert strictly(text_of(value)) == expected(value)


@given(st.text(st.characters() | _halves, max_size=9), st.booleans())
def test_every_text_is_written_so_that_it_can_be_utf_8(text, ascii_only):
    whole = text.encode("utf-8", "backslashreplace").decode()
    written = text_of({text: [text]}, ensure_ascii=ascii_only)
    assert strictly(written.encode().decode()) == {whole: [whole]}


@pytest.mark.slow
def test_nothing_else_writes_json():
    """A check that refuses numbers which are not finite writes nothing."""
    found = [
        f"{file.relative_to(PROJECT)}:{node.lineno}"
        for file in rooms()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if writes_json(node) and str(file.relative_to(PROJECT)) not in OF_ITS_OWN
    ]
    assert found == []


def writes_json(node):
    if isinstance(node, ast.ImportFrom):
        return node.module == "json"
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    of_json = isinstance(node.func.value, ast.Name) and node.func.value.id == "json"
    refuses = any(keyword.arg == "allow_nan" for keyword in node.keywords)
    return of_json and node.func.attr in ("dump", "dumps") and not refuses
