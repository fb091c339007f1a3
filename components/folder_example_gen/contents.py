"""All that the pipeline has to know of a folder of images before it writes Examples."""

from components.examples.contents import ImageFiles
from components.examples.entries import repeated
from components.examples.local_copies import local
from components.folder_example_gen import mask_layout
from components.folder_example_gen.layout import laid_out
from components.folder_example_gen.scan import scan
from components.spans.contents import WindowDriver
from settings.data import Features
from settings.sources import FolderSource


class Driver(WindowDriver):
    SOURCE = FolderSource

    def read(self, source, features, is_span):
        return read(source, features, is_span)


def read(source: FolderSource, features: Features, is_span: bool = False) -> ImageFiles:
    """Reads the folder of a source, whether or not it is a span of a window.

    Raises:
      Failure: as `scan` and `laid_out`.
    """
    folder = local(source.path, source)
    found = scan(folder.path)
    if features.mask_feature is None:
        layout = laid_out(found.images, source.splits, folder.name)
    else:
        layout = mask_layout.laid_out(found.images, source, folder.name)
    findings = found.findings | layout.findings | repeated(layout.roles)
    way_on = "Add images of it, remove its folder, or set data.splits."
    return ImageFiles(folder.path, layout.roles, findings, folder.name, way_on, held=folder.held)
