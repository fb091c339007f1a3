"""Decides, before FolderExampleGen runs, whether its images are what they were the last time."""

from components.cache_driver import CacheDriver
from components.folder_example_gen import contents
from settings.sources import FolderSource


class Driver(CacheDriver):
    """The fingerprint of the folder's content; every file is read for it.

    Sizes and times would be read sooner, but an edit that keeps both would go unnoticed.
    """

    PARAMETER = "fingerprint"

    def value(self, input_dict, exec_properties):
        found = contents.read(FolderSource.from_json(exec_properties["source"]))
        found.log()
        return found.fingerprint
