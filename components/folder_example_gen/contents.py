"""All that the pipeline has to know of a folder of images before it writes Examples."""

import os

from components.examples.contents import ContentDriver, Contents
from components.examples.entries import repeated
from components.examples.picture_files import shown
from components.folder_example_gen.layout import laid_out
from components.folder_example_gen.scan import scan
from settings.sources import FolderSource


class Driver(ContentDriver):
    def contents(self, exec_properties):
        return read(FolderSource.from_json(exec_properties["source"]))


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
    return Contents(folder, layout.roles, findings, shown(folder))
