"""The form of a folder's path in a configuration."""

import os

from settings.plain_paths import WITHOUT, is_plain
from settings.section import Form


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
