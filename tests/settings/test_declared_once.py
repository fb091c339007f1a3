"""A parameter is declared once: in a section, or in the signature of the plug-in that takes it."""

import ast
import typing
from pathlib import Path

import pytest

import models
from settings.configuration import Configuration
from settings.model import parameters_of
from settings.section import Section
from settings.sources import SOURCES
from settings.types_in_words import fields, plain

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "components", "files", "kfp", "pipeline", "report")
# Fewer names may be the same by chance.
FEWEST = 3
# The input function is installed without pydantic, so it checks its own arguments.
STANDS_ALONE = "components/trainer/input/"
# The names there are Kubernetes's own.
PLATFORM = "kfp/platform_"


def sections_below(section, found):
    """All sections that a section's keys hold, itself included."""
    found.add(section)
    for field in fields(section).values():
        annotation, _ = plain(field.annotation)
        for inner in (annotation, *typing.get_args(annotation)):
            inner, _ = plain(inner)
            if isinstance(inner, type) and issubclass(inner, Section) and inner not in found:
                sections_below(inner, found)
    return found


SECTIONS = sections_below(Configuration, set()) | set(map(parameters_of, models.NAMES))
for source in SOURCES.values():
    sections_below(source, SECTIONS)


def classes():
    """(file, class, names of its annotated attributes) of every class outside settings."""
    for file, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names = {
                    part.target.id
                    for part in node.body
                    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
                }
                yield file, node.name, names


def constants():
    """(file, values) of every tuple, list or set of texts outside settings."""
    for file, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                values = {getattr(part, "value", None) for part in node.elts}
                if all(isinstance(value, str) for value in values):
                    yield file, values


def sources():
    for room in ROOMS:
        for file in sorted((PROJECT / room).rglob("*.py")):
            name = file.relative_to(PROJECT).as_posix()
            if not name.startswith((STANDS_ALONE, PLATFORM)):
                yield name, ast.parse(file.read_text(encoding="utf-8"))


def test_the_walk_finds_every_section():
    names = {section.__name__ for section in SECTIONS}
    assert {"WorkersTraining", "InputReport", "Augmentation", "Tried", "Threshold", "Volume"} | {
        "TfdsSource",
        "FolderSplits",
    } <= names
    single = ("name", "root", "seed", "keep_runs", "code")
    assert {key for key in fields(Configuration) if key not in single} <= {
        key
        for key, field in fields(Configuration).items()
        if plain(field.annotation)[0] in SECTIONS
    }


@pytest.mark.slow
def test_no_class_declares_the_keys_of_a_section_again():
    again = {
        f"{file}: {name} declares {', '.join(sorted(shared))} of {section.__name__}"
        for file, name, names in classes()
        for section in SECTIONS
        if len(shared := names & set(fields(section))) >= FEWEST
    }
    assert again == set()


@pytest.mark.slow
def test_no_constant_lists_the_values_of_a_key_again():
    allowed = {
        frozenset(typing.get_args(annotation)): f"{section.__name__}.{key}"
        for section in SECTIONS
        for key, field in fields(section).items()
        for annotation in [plain(field.annotation)[0]]
        if typing.get_origin(annotation) is typing.Literal
    }
    again = {
        f"{file}: {sorted(values)} are the values of {allowed[frozenset(values)]}"
        for file, values in constants()
        if len(values) >= FEWEST and frozenset(values) in allowed
    }
    assert again == set()
