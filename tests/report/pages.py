"""A root's report as text, and its sections."""

import re

from report.files import write_report


def page_of(root):
    return write_report(root.configuration).read_text("utf-8")


def section(page, name):
    """The part of the page below a heading; "" without that heading."""
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    return found[0] if found else ""
