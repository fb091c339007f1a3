"""Which image of a folder is of which class, and in which split."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from components.examples.draws import BY_DEFAULT, check_names, drawn, listed
from components.examples.entries import Entry, in_order
from components.examples.picture_files import Picture, shown
from failures import Failure
from settings.sources import FolderSplits

_BY_CONTENT = FolderSplits(**BY_DEFAULT)
_SPLIT_FOLDERS = list(_BY_CONTENT.by_role())


class Layout(NamedTuple):
    """The images of each split, in an order that their content and class decide."""

    roles: dict[str, list[Entry]]
    findings: dict[str, list[str]]  # files that are in no split, by kind


def laid_out(images: Sequence[Picture], splits: FolderSplits | None, folder: str) -> Layout:
    """Finds each image's class and split, by its place and its content.

    With percentages the content alone decides about the split: no file moves when others come
    or go or when it gets another name, and equal files are in one split.

    Args:
      splits: None for the folders train, validation and test where there are images in such
        folders only, else for 80, 10 and 10 percent.
      folder: for messages.

    Raises:
      Failure: no image is in a class, images are in some of the folders of splits only, or the
        name of a class is not printable.
    """
    tops = {parts[0] for image in images if len(parts := image.path.split("/")) == 3}
    by_role = (splits or found_splits(tops, folder)).by_role()
    by_content = all(isinstance(part, int) for part in by_role.values())
    roles, misplaced = {role: [] for role in by_role}, []
    role_of_folder = {part: role for role, part in by_role.items()}
    above = 0 if by_content else 1  # folders above that of the class
    for image in images:
        *split, label = image.path.split("/")[:-1] or [""]
        role = drawn(image.digest, by_role) if by_content else role_of_folder.get("/".join(split))
        if label and role and len(split) == above:
            roles[role].append(Entry(image.digest, label, image.path, image.size))
        else:
            misplaced.append(image.path)
    if not any(roles.values()):
        raise _nothing_found(misplaced, by_role, shown(folder))
    labels = {entry.label for entries in roles.values() for entry in entries}
    check_names(labels, shown(folder), "class folder")
    findings = {"misplaced": misplaced} if misplaced else {}
    return Layout({role: in_order(found) for role, found in roles.items()}, findings)


def found_splits(tops: Collection[str], folder: str) -> FolderSplits:
    """The folders of splits, where images are in such folders only; else shares by content.

    Args:
      tops: the folders in which images of splits would be.
      folder: for messages.

    Raises:
      Failure: there is a folder of one split, and none of train or of test.
    """
    if not tops or not set(tops) <= set(_SPLIT_FOLDERS):
        return _BY_CONTENT
    for needed in ("train", "test"):
        if needed not in tops:
            raise Failure(
                f"{shown(folder)} has images in the folders {listed(tops)} and none in {needed}. "
                "Name the folder of each split in data.splits."
            )
    return FolderSplits(**{role: role for role in _SPLIT_FOLDERS if role in tops})


def _nothing_found(
    misplaced: Sequence[str], by_role: Mapping[str, int | str], place: str
) -> Failure:
    expected = "<class>/<name>"
    if misplaced and isinstance(by_role["train"], str):
        expected = f"<split>/<class>/<name> with the splits {listed(by_role.values())}"
    found = ""
    if misplaced:
        found = f"; {len(misplaced):,} lie elsewhere, such as {shown(misplaced[0])}"
    return Failure(
        f"{place} has no image as {expected}{found}. Move the images, or name split folders in "
        "data.splits, as in {train: train, validation: val, test: test}."
    )
