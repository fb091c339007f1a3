"""Renders pages by templates: each is one HTML file that needs no network and no script."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from components import tasks
from files.strict_json import text_of
from metrics import catalog
from report import charts, reliability

_MISSING = object()


class Section(NamedTuple):
    """A landmark of the page, to which the navigation leads."""

    name: str  # its id
    title: str
    template: str
    view: Any  # what the template shows


def render(template, **values):
    """The text of a page.

    Args:
      template: its name below templates/, which extends page.html.
      values: what it shows: `title`, `subtitle`, `sections` (list of Section), and its own.
    """
    return _environment().get_template(template).render(values)


def sections(folder, parts, *runs):
    """The Sections of a page that have something to show.

    Args:
      folder: of their templates.
      parts: [(name, title, function of `runs` that gives the view, or nothing)]; without
        one the section is always there, and its template reads the runs.
    """
    found = ((name, title, view(*runs) if view else True) for name, title, view in parts)
    return [
        Section(name, title, f"{folder}/{name}.html", view) for name, title, view in found if view
    ]


@functools.cache  # It keeps the templates, whose compilation takes a second.
def _environment():
    environment = jinja2.Environment(
        # Each task has the template of its own in its folder.
        loader=jinja2.FileSystemLoader(
            [Path(__file__).parent / "templates", Path(tasks.__file__).parent]
        ),
        autoescape=True,  # names, paths and messages come from the user's data
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "percent": percent}
    environment.globals |= {"better": better, "changed_keys": changed_keys}
    environment.globals |= {"charts": charts, "reliability": reliability}
    return environment


def better(metric, change):
    """Whether a change of that metric is for the better; None where it is neither."""
    if not change or metric not in catalog.NAMES:
        return None
    return (change > 0) == catalog.higher_is_better(metric)


def figure(value, digits=4):
    """A number as text: thousands apart, fractions in this many digits; "" for None."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}g}"


def percent(share, digits=1):
    """A share of 0..1 in percent; "" for None."""
    return "" if share is None else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def changed_keys(before, now):
    """[(dotted key, value before, value now)] as text; "not set" where a key is missing."""
    ours, theirs = dict(_flat(now)), dict(_flat(before))
    return [
        (key, _text(theirs, key), _text(ours, key))
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key, _MISSING) != theirs.get(key, _MISSING)
    ]


def _flat(value, prefix=""):
    if not isinstance(value, dict) or (not value and prefix):
        yield prefix, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))


def _text(flat, key):
    return text_of(flat[key], ensure_ascii=False) if key in flat else "not set"
