"""docs/configuration.md, made from the configuration's own types.

.venv/bin/python -m settings.reference > docs/configuration.md
"""

import typing

from pydantic_core import PydanticUndefined

import models
from files.strict_json import text_of
from settings.configuration import Configuration
from settings.data import Data
from settings.model import Model, parameters_of
from settings.section import Section
from settings.sources import SOURCES
from settings.types_in_words import fields, in_words, plain

_HEAD = """\
# Every key of a configuration

This page is generated: `.venv/bin/python -m settings.reference > docs/configuration.md`.
In a key, `…` stands for a name or a number of your own. A key that is left out has its default;
`null` is allowed where it is the default, or where the last column says so.
`python -m pipeline check --config FILE` prints every key with its value.
"""
_TABLE = "| key | default | allowed | meaning |\n|---|---|---|---|"


def reference() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD, _TABLE]
    sections = {}
    for key, field in fields(Configuration).items():
        section = _section_in(field.annotation)
        if section is None:
            parts.append(_row(key, field))
        else:
            sections[key] = field, section
    for key, (field, section) in sections.items():
        about = f"\n{field.description[0].upper()}{field.description[1:]}.\n"
        optional = " (may be left out)" if not field.is_required() else ""
        parts += [f"\n## {key}{optional}", about, _TABLE, *_rows(section, f"{key}.", set())]
        if section is Data:
            parts += _sources()
        if section is Model:
            parts += _networks()
    return "\n".join(parts) + "\n"


def _sources():
    for name, source in SOURCES.items():
        rows = _rows(source, "data.", set())
        yield from (f"\n### data.source: {name}\n\n{source.__doc__}\n", _TABLE, *rows)


def _networks():
    for name in models.NAMES:
        about = models.load(name).__doc__.splitlines()[0]
        rows = _rows(parameters_of(name), "model.parameters.", set())
        yield from (f"\n### model.name: {name}\n\n{about}\n", _TABLE, *rows)


def _rows(section, before, seen):
    """A row for each key; a section that comes a second time is not repeated."""
    for key, field in fields(section).items():
        inner = _section_in(field.annotation)
        path = before + key
        if inner is None or field.description:
            yield _row(path, field)
        if inner is not None and inner not in seen:
            seen.add(inner)
            many = plain(field.annotation)[0] is not inner
            yield from _rows(inner, f"{path}.…." if many else f"{path}.", seen)


def _section_in(annotation):
    """The section that a key holds, itself or as the values of a list or a mapping; or None."""
    annotation, _ = plain(annotation)
    if typing.get_origin(annotation) in (list, dict):
        annotation, _ = plain(typing.get_args(annotation)[-1])
    return annotation if fields(annotation) else None


def _row(path, field):
    cells = f"`{path}`", _default(field), in_words(field.annotation, field.metadata)
    return "| " + " | ".join(_in_a_cell(cell) for cell in (*cells, field.description or "")) + " |"


def _default(field):
    if field.default is PydanticUndefined:
        return "needed"
    default = field.default
    if isinstance(default, Section):
        default = default.model_dump(mode="json", exclude_defaults=True)
    return f"`{text_of(default, ensure_ascii=False)}`"


def _in_a_cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(reference(), end="")
