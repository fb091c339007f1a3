"""A folder that stands in for a bucket: keys and bytes, and no empty folders."""

import shutil
from pathlib import Path


class ObjectStore:
    """Blobs by address: minio://bucket/key is the file <folder>/minio/bucket/key."""

    def __init__(self, folder):
        self._folder = Path(folder)

    def upload(self, source, uri):
        """Copies a file or the files of a folder; returns whether `source` exists."""
        if source.is_file():
            self._copy(source, self.place_of(uri))
            return True
        for path in sorted(source.rglob("*")):
            if path.is_file():
                self._copy(path, self.place_of(uri) / path.relative_to(source))
        return source.is_dir()

    def download(self, uri, target):
        """Copies what is at or below `uri`; as with a bucket, that may be nothing."""
        place = self.place_of(uri)
        if place.is_file():
            self._copy(place, target)
        elif place.is_dir():
            shutil.copytree(place, target, dirs_exist_ok=True)

    def place_of(self, uri):
        scheme, _, key = uri.partition("://")
        return self._folder / scheme / key

    def _copy(self, source, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
