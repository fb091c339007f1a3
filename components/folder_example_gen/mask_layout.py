"""Which image of a folder has which mask, and in which split both are."""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from components.examples.draws import drawn
from components.examples.entries import Entry, in_order
from components.examples.picture_files import Picture, shown
from components.folder_example_gen.layout import Layout, found_splits
from failures import Failure
from settings.sources import FolderSource


class _Place(NamedTuple):
    """Where a picture lies, apart from what tells images from masks."""

    split: str  # "" without folders of splits
    name: str  # with the folders above it, without its suffix


def laid_out(pictures: Sequence[Picture], source: FolderSource, folder: str) -> Layout:
    """Finds each image's mask, by its name, and its split, by its place and content.

    Args:
      pictures: whole images and masks, by path.
      folder: for messages.

    Raises:
      Failure: no image has a mask, or two have the same name.
    """
    images, masks, misplaced = {}, {}, []
    known = {source.image_folder: images, source.mask_folder: masks}
    for picture in pictures:
        place, kind = _place_of(picture.path, known)
        if kind is None:
            misplaced.append(picture.path)
        elif place in known[kind]:
            both = shown(known[kind][place].path), shown(picture.path)
            raise Failure(
                f"{shown(folder)}: {both[0]} and {both[1]} have one name, so that no mask belongs "
                "to one of them alone. Rename one."
            )
        else:
            known[kind][place] = picture
    by_role = (source.splits or found_splits({place.split for place in images}, folder)).by_role()
    by_content = all(isinstance(part, int) for part in by_role.values())
    role_of_folder = {part: role for role, part in by_role.items()}
    roles = {role: [] for role in by_role}
    findings = {"misplaced": misplaced, "unmasked": [], "unpaired": []}
    for place, image in images.items():
        role = role_of_folder.get(place.split)
        if by_content:
            role = drawn(image.digest, by_role) if not place.split else None
        if role is None:
            findings["misplaced"].append(image.path)
        elif place not in masks:
            findings["unmasked"].append(image.path)
        else:
            roles[role].append(_entry(image, masks[place]))
    findings["unpaired"] = [mask.path for place, mask in masks.items() if place not in images]
    if not any(roles.values()):
        raise _nothing_found(source, findings, by_content, shown(folder))
    found = {kind: sorted(paths) for kind, paths in findings.items() if paths}
    return Layout({role: in_order(entries) for role, entries in roles.items()}, found)


def _place_of(path: str, known: Mapping[str, dict]) -> tuple[_Place | None, str | None]:
    """Where a picture lies, and in which of the known folders; None where in none."""
    *folders, name = path.split("/")
    stem = os.path.splitext(name)[0]
    for depth, split in enumerate(["", *folders[:1]]):
        if len(folders) > depth and folders[depth] in known:
            return _Place(split, "/".join([*folders[depth + 1 :], stem])), folders[depth]
    return None, None


def _entry(image: Picture, mask: Picture) -> Entry:
    size = image.size + mask.size
    return Entry(image.digest, "", image.path, size, mask.path, mask.digest)


def _nothing_found(source: FolderSource, findings, by_content: bool, place: str) -> Failure:
    above = "" if by_content else "<split>/"
    expected = f"{above}{source.image_folder}/<name> with {above}{source.mask_folder}/<name>"
    left_out = findings["unmasked"] or findings["misplaced"] or findings["unpaired"]
    found = f"; {len(left_out):,} do not fit, such as {shown(left_out[0])}" if left_out else ""
    return Failure(
        f"{place} has no image as {expected}{found}. Move the files, or set data.image_folder, "
        "data.mask_folder or data.splits."
    )
