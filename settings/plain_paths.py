"""Paths that every library reads as they are written; needs nothing but Python.

TensorFlow takes brackets for a pattern and finds no variables of the model that it has just
saved; SQLite takes `file:` for an address; a shell would replace `~` and `$NAME`.
"""

import re

NOT_PLAIN = r"\x00-\x1f\x7f*?\[\]{}\\\ud800-\udfff"  # inside a regular expression's [^…]
NO_NAME = r"(?!.*\$\w)"  # in front of what must not hold $NAME
_PLAIN = rf"{NO_NAME}[^{NOT_PLAIN}]+"
PLAIN = rf"(?![-~]|\w+:){_PLAIN}"
PLAIN_OR_HOME = rf"(~/)?{PLAIN}"
WITHOUT = r"without * ? [ ] { } \ $NAME or line breaks, and no - or ~ in front"
WITHOUT_BUT_HOME = f"{WITHOUT} but for ~/"


def is_plain(path: str) -> bool:
    """Whether every library reads the path, absolute or in a bucket, as it is written."""
    return re.fullmatch(_PLAIN, path) is not None
