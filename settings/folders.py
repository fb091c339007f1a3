"""Folders whose paths every library reads as they are written.

TensorFlow takes brackets for a pattern and finds no variables of the model that it has just
saved; SQLite takes `file:` for an address; a shell would replace `~` and `$NAME`.
"""

import os
import re

from settings.section import Form

NOT_PLAIN = r"\x00-\x1f\x7f*?\[\]{}\\\ud800-\udfff"  # inside a regular expression's [^…]
_PLAIN = rf"(?!.*\$\w)[^{NOT_PLAIN}]+"
PLAIN = rf"(?![-~]|\w+:){_PLAIN}"
WITHOUT = r"without * ? [ ] { } \ $NAME or line breaks, and no - or ~ in front"


class FolderForm(Form):
    """A Form of a path; a relative one also needs a working folder of a plain path."""

    def __call__(self, given: str) -> str:
        super().__call__(given)
        if "://" not in given and given[0] not in "/~" and not is_plain(os.getcwd()):
            raise ValueError(
                f"below the working folder {os.getcwd()!r}; allowed: an absolute path, or a "
                f"working folder {WITHOUT}"
            )
        return given


def is_plain(path: str) -> bool:
    """Whether every library reads the path, absolute or in a bucket, as it is written."""
    return re.fullmatch(_PLAIN, path) is not None
