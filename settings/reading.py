"""Reads a configuration file; every mistake in it becomes one line.

A line names the file and the line in it, the key, what was given and what is
allowed, so that it can be put right without opening a document.
"""

import os
import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from failures import ConfigurationError, Failure, UnreadableFile
from settings import cross_checks, first_weights, mistakes, own_code, run_parameters
from settings.configuration import Configuration
from settings.mistakes import shortened
from settings.section import put
from settings.types_in_words import path_at


class _Loader(yaml.SafeLoader):
    """A SafeLoader that refuses the second of two equal keys, which that one takes unseen.

    And 1e-3 and 1.5e3 are numbers, as in YAML 1.2; in 1.1 one needs both the point and the
    exponent's sign, as in 1.0e-3 and 1.5e+3, and anything else is text.
    """

    def compose_mapping_node(self, anchor):
        # As it is written: to construct one puts what it merges by `<<` among its keys.
        node = super().compose_mapping_node(anchor)
        seen = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is one word", problem_mark=key.start_mark)
            if key.value in seen:
                line = key.start_mark.line + 1
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is given twice (first in line "
                    f"{seen[key.value]})",
                    problem_mark=yaml.Mark("", 0, line - 1, 0, None, None),
                )
            seen[key.value] = key.start_mark.line + 1
        return node

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError) as error:
            # PyYAML passes on what Python's own types say of 2026-13-45 or of !!int one.
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"{shortened(node.value)} is not a valid {kind}",
                problem_mark=node.start_mark,
            ) from error


_UNSEEN_BREAKS = {"\x85": r"\N", "\u2028": r"\L", "\u2029": r"\P"}

_SCIENTIFIC = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _SCIENTIFIC, list("-+.0123456789"))


def load(file, overrides=()):
    """The checked configuration in `file`.

    Args:
      file: a path of a YAML file.
      overrides: `key.path=value` texts, the value in YAML; they win over the file.

    Raises:
      ConfigurationError: with a line for each mistake; UnreadableFile where this or another
        file is not there.
    """
    text = _read(file)
    for number, line in enumerate(text.split("\n"), start=1):
        _refuse_unseen_breaks(line, f"{file}:{number}")
    try:
        given = yaml.load(text, _Loader)  # A SafeLoader: builds plain data only.
        lines = _line_numbers(yaml.compose(text, yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{file}:{line}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        cause = str(error).splitlines()[0]
        raise ConfigurationError(f"{file}: not valid YAML: {cause}") from None
    except RecursionError:
        raise ConfigurationError(f"{file}: not valid YAML: it is nested too deeply") from None
    if not isinstance(given, dict):
        raise ConfigurationError(f"{file}: keys and values are expected, as in configs/digits.yaml")
    places = {path: f"{file}:{line}" for path, line in lines.items()}
    for override in overrides:
        _apply(override, given, places)
    if given.get("code") is None and own_code.is_named_in(given):
        given["code"] = os.path.dirname(file) or "."
    code = given.get("code")
    missing = UnreadableFile if isinstance(code, str) and not os.path.isdir(code) else None
    try:
        configuration = Configuration.model_validate(given)
    except ValidationError as error:
        lines = mistakes.lines(error, Configuration, lambda p: f"{_place_of(p, places, file)}: ")
        raise (missing or ConfigurationError)(*dict.fromkeys(lines)) from None
    _check_files(configuration, places, file)
    for check in (cross_checks.mistakes_in, run_parameters.mistakes_in):
        for path, mistake in check(configuration):
            where = f"{_place_of(path, places, file)}: {'.'.join(path)}"
            raise ConfigurationError(f"{where}: {mistake}")
    return configuration


def _read(file):
    try:
        return Path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        near = sorted(str(p) for p in Path(file).parent.glob("*.yaml"))
        there = f"; there are {', '.join(near)}" if near else ""
        raise UnreadableFile(f"{file}: no such configuration file{there}") from None
    except IsADirectoryError:
        raise ConfigurationError(f"{file}: a folder; a YAML file is expected") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise UnreadableFile(f"{file}: cannot be read: {error.strerror}") from None


def _refuse_unseen_breaks(line: str, place: str) -> None:
    """PyYAML ends lines at these, as YAML 1.1 has it, and makes a space of the first of them."""
    for character, escape in _UNSEEN_BREAKS.items():
        if character in line:
            raise ConfigurationError(
                f"{place}: not valid YAML: it holds U+{ord(character):04X}, an unseen "
                f"line break; remove it, or write {escape} between double quotes"
            )


def _line_numbers(node, path=()):
    """{path of a key: its line}, from 1; list items count as keys 0, 1, …"""
    lines = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*path, key.value)] = key.start_mark.line + 1
            lines |= _line_numbers(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            lines[(*path, i)] = item.start_mark.line + 1
            lines |= _line_numbers(item, (*path, i))
    return lines


def _apply(override, given, places):
    key, equals, value = override.partition("=")
    names = key.split(".")
    if not equals or not all(names):
        raise ConfigurationError(
            f"--set {override}: key.path=value is expected, as in training.epochs=5"
        )
    _refuse_unseen_breaks(value, f"--set {key}")
    try:
        content = yaml.load(value, _Loader)
        path = tuple(path_at(Configuration, names, content) or names)
        put(given, path, content)
    except (yaml.YAMLError, RecursionError):
        raise ConfigurationError(f"--set {override}: the value is not valid YAML") from None
    except Failure as failure:
        raise ConfigurationError(f"--set {override}: {failure}") from None
    places[path] = "--set"
    places[tuple(int(part) if part.isdecimal() else part for part in path)] = "--set"


def _place_of(path, places, file):
    while path and path not in places:
        path = path[:-1]
    return places.get(path, file)


def _check_files(configuration, places, file):
    schema = configuration.data.schema_file
    if schema is not None and not Path(schema).is_file():
        path = ("data", "schema")
        raise UnreadableFile(
            f"{_place_of(path, places, file)}: {'.'.join(path)}: given {schema!r}, which is not a "
            "file; allowed: a schema in text form, or nothing, which infers one"
        )
    network = configuration.model.name
    for path, weights in cross_checks.weights_of(configuration):
        where = f"{_place_of(path, places, file)}: {'.'.join(path)}"
        if mistake := first_weights.mistake_in(weights):
            kind = ConfigurationError if os.path.exists(weights) else UnreadableFile
            raise kind(f"{where}: {mistake}")
        if mistake := first_weights.misfit(weights, network, configuration.preprocessing.channels):
            raise ConfigurationError(f"{where}: {mistake}")
