"""The form of a folder's path in a configuration."""

import os
from typing import Annotated, Any

from pydantic import AfterValidator

from settings.plain_paths import WITHOUT, WITHOUT_BUT_HOME, is_plain
from settings.section import Form
from settings.spans import PatternForm


def folder(pattern: str, words: str) -> Any:
    """The type of a path that matches the whole `pattern`, which `words` describe."""
    return Annotated[str, AfterValidator(_FolderForm(pattern, f"{words}, {WITHOUT}"))]


def folder_or_home(pattern: str, words: str) -> Any:
    """As `folder`, of a `pattern` that takes ~/ in front."""
    return Annotated[str, AfterValidator(_FolderForm(pattern, f"{words}, {WITHOUT_BUT_HOME}"))]


def folder_of_spans(pattern: str, words: str) -> Any:
    """As `folder_or_home`; {SPAN}, {VERSION}, {YYYY}, {MM} and {DD} may stand in the path too."""
    words = f"{words}, or a pattern such as span-{{SPAN}}, {WITHOUT_BUT_HOME}"
    return Annotated[str, AfterValidator(_SpansForm(pattern, words))]


class _FolderForm(Form):
    """A Form of a path; a relative one also needs a working folder of a plain path."""

    def __call__(self, given: str) -> str:
        super().__call__(given)
        if "://" not in given and given[0] not in "/~" and not is_plain(os.getcwd()):
            raise ValueError(
                f"below the working folder {os.getcwd()!r}; allowed: an absolute path, or a "
                f"working folder {WITHOUT}"
            )
        return given


class _SpansForm(PatternForm, _FolderForm):
    """A form of a folder's path, or of the pattern of many."""
