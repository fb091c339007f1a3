"""All that the pipeline has to know of a manifest and its images before it writes Examples."""

import os
from collections.abc import Iterable

from components.examples.contents import ImageFiles
from components.examples.entries import repeated
from components.examples.local_copies import LocalPath, local
from components.examples.picture_files import Picture, shown
from components.examples.picture_scan import all_examined
from components.examples.row_splits import laid_out
from components.manifest_example_gen import rows
from components.spans.contents import WindowDriver
from failures import Failure
from files.buckets.addresses import is_bucket, normal
from settings.data import Features
from settings.manifest_source import ManifestSource


class Driver(WindowDriver):
    SOURCE = ManifestSource

    def read(self, source, features, is_span):
        return read(source, features, is_span)


def read(source: ManifestSource, features: Features, is_span: bool = False) -> ImageFiles:
    """Reads a manifest and the files that it names.

    Args:
      is_span: whether other spans may have the splits that this one lacks.

    Raises:
      Failure: as `rows.read` and `laid_out`; also where none of the files is a whole image.
    """
    file, folder = _located(source)
    path, root = file.path, folder.path
    has_masks = features.mask_feature is not None
    manifest = rows.read(source, path, root, has_masks, features.multi_label)
    images = dict.fromkeys(row.image_path for row in manifest.rows)
    masks = dict.fromkeys(row.mask_path for row in manifest.rows if row.mask_path)
    pictures, findings = _examined(root, images)
    if not pictures:
        raise Failure(_none_usable(file.name, folder.name, images, findings))
    # What is wrong with a mask is reported for its image.
    pictures_of_masks, _ = _examined(root, masks)
    pictures |= pictures_of_masks
    place = file.name
    roles, left_out = laid_out(manifest, pictures, source.splits, has_masks, place, is_span)
    findings |= manifest.findings | left_out | repeated(roles)
    way_on = "Add images of it, remove its rows, or set data.splits."
    return ImageFiles(
        root,
        roles,
        findings,
        place,
        way_on,
        held=folder.held,
        unusable_masks=[path for path in masks if path not in pictures_of_masks],
    )


def _located(source: ManifestSource) -> tuple[LocalPath, LocalPath]:
    """The manifest, and the folder of its images; what is in a bucket is copied."""
    path, root = os.path.expanduser(source.path), source.image_root
    above = os.path.dirname(path)
    if is_bucket(root) and root == normal(above):
        folder = local(root, source)
        file = os.path.join(folder.path, os.path.basename(path))
        return LocalPath(file, shown(path)), folder
    return local(path, source), local(root, source)


def _examined(root: str, paths: Iterable[str]) -> tuple[dict[str, Picture], dict[str, list[str]]]:
    """The whole pictures among the files, and what to report about files, by kind."""
    pictures, findings = {}, {}
    for path, picture, kind in all_examined(root, paths):
        if picture:
            pictures[path] = picture
        if kind:
            findings.setdefault(kind, []).append(path)
    return pictures, findings


def _none_usable(place: str, root: str, images, findings) -> str:
    first = shown(next(iter(images)))
    number = len(images)
    if len(findings.get("missing", ())) == number:
        return (
            f"{place}: none of its {number:,} images is in {root}, such as {first}. Set data.root "
            "to the folder that the paths are relative to."
        )
    return f"{place}: none of its {number:,} files is a whole image, such as {first}. Replace them."
