"""The report of a run: one HTML file that needs no network."""

import re
from html import escape

from report.sections import (
    data,
    evaluation,
    lineage,
    pipeline_graph,
    serving,
    training,
    tuning,
    verdict,
)
from report.style import STYLE

_SECTIONS = (pipeline_graph, data, tuning, training, evaluation, serving, lineage)


def render(run, previous):
    """The page as text.

    Args:
      run: the Run.
      previous: the Run before it, or None.
    """
    name = run.configuration.get("name", "run")
    body = [section.render(run, previous) for section in _SECTIONS]
    return frame(f"{name}: report", f"Run of {run.when}", verdict.render(run, previous), body)


def frame(title, subtitle, top, sections):
    """A whole document around sections, with its navigation.

    Args:
      title, subtitle: the heading, as text.
      top: HTML that stands before the navigation.
      sections: HTML of `markup.section`; empty ones are left out.
    """
    found = re.findall(r"<h2 id=h-([\w-]+)>(.*?)</h2>", "".join(sections))
    links = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in found)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(f'{title}, {subtitle}')}</title>"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body>'
        f"<header><h1>{escape(title)}<small>{escape(subtitle)}</small></h1></header><main>{top}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>{"".join(sections)}</main>'
        "<footer>Made by Steadyfeed. This file needs no network.</footer></body></html>\n"
    )
