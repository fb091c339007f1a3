"""All that the pipeline has to know of a folder of images before it writes Examples."""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.folder_example_gen.findings import log_lines
from components.folder_example_gen.layout import Labelled, laid_out, repeated
from components.folder_example_gen.scan import scan
from settings.sources import FolderSource


@dataclass(frozen=True)
class Contents:
    """A folder of images as it was when it was read."""

    folder: str  # an absolute path, as workers elsewhere have another working directory
    roles: dict[str, list[Labelled]]
    findings: dict[str, list[str]]  # by kind, as `findings.WORDS` knows it

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits of the content, class and split of all images.

        Neither their names within a class nor their times count, nor what is left out.
        """
        return fingerprint(self.roles)

    def log(self) -> None:
        for line in log_lines(self.findings):
            logging.warning("%s: %s", self.folder, line)


def read(source: FolderSource) -> Contents:
    """Reads the folder of a source.

    Raises:
      Failure: as `scan` and `laid_out`.
    """
    folder = os.path.abspath(os.path.expanduser(source.path))
    found = scan(folder)
    layout = laid_out(found.images, source.splits, folder)
    findings = found.findings | repeated(layout.roles)
    if layout.misplaced:
        findings["misplaced"] = layout.misplaced
    return Contents(folder, layout.roles, findings)


def fingerprint(roles: Mapping[str, Sequence[Labelled]]) -> str:
    digest = hashlib.sha256()
    for role in sorted(roles):
        digest.update(f"{role} {len(roles[role])}\n".encode())
        for image in roles[role]:
            digest.update(image.digest + image.label.encode() + b"\n")
    return digest.hexdigest()
