"""All that the pipeline has to know of a folder of images before it writes Examples."""

import os

from components.examples.contents import Contents
from components.examples.entries import repeated
from components.examples.picture_files import shown
from components.folder_example_gen import mask_layout
from components.folder_example_gen.layout import laid_out
from components.folder_example_gen.scan import scan
from components.spans.contents import WindowDriver
from settings.data import Features
from settings.sources import FolderSource


class Driver(WindowDriver):
    SOURCE = FolderSource

    def read(self, source, features):
        return read(source, features)


def read(source: FolderSource, features: Features) -> Contents:
    """Reads the folder of a source.

    Raises:
      Failure: as `scan` and `laid_out`.
    """
    folder = os.path.abspath(os.path.expanduser(source.path))
    found = scan(folder)
    if features.mask_feature is None:
        layout = laid_out(found.images, source.splits, folder)
    else:
        layout = mask_layout.laid_out(found.images, source, folder)
    findings = found.findings | layout.findings | repeated(layout.roles)
    way_on = "Add images of it, remove its folder, or set data.splits."
    return Contents(folder, layout.roles, findings, shown(folder), way_on)
