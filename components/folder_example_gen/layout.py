"""Which image of a folder is of which class, and in which split."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from components.folder_example_gen.scan import Image, shown
from failures import Failure
from settings.sources import FolderSplits

_BY_CONTENT = FolderSplits(train=80, validation=10, test=10)
_SPLIT_FOLDERS = list(_BY_CONTENT.by_role())
_LEAST_CLASSES = 2


class Labelled(NamedTuple):
    """An image and its class."""

    digest: bytes  # first, so that images are sorted by it
    label: str
    path: str  # relative to the folder
    size: int  # bytes


class Layout(NamedTuple):
    """The images of each split, in an order that their content and class decide."""

    roles: dict[str, list[Labelled]]
    misplaced: list[str]  # images that are in no class's folder


def laid_out(images: Sequence[Image], splits: FolderSplits | None, folder: str) -> Layout:
    """Finds each image's class and split, by its place and its content.

    With percentages the content alone decides about the split: no file moves when others come
    or go or when it gets another name, and equal files are in one split.

    Args:
      splits: None for the folders train, validation and test where there are images in such
        folders only, else for 80, 10 and 10 percent.
      folder: for messages.

    Raises:
      Failure: there are fewer than two classes, a split has no image, or a class is not in
        train and in a split that measures it.
    """
    by_role = (splits or _found_splits(images, folder)).by_role()
    by_content = all(isinstance(part, int) for part in by_role.values())
    roles, misplaced = {role: [] for role in by_role}, []
    role_of_folder = {part: role for role, part in by_role.items()}
    above = 0 if by_content else 1  # folders above that of the class
    for image in images:
        *split, label = image.path.split("/")[:-1] or [""]
        role = _drawn(image.digest, by_role) if by_content else role_of_folder.get("/".join(split))
        if label and role and len(split) == above:
            roles[role].append(Labelled(image.digest, label, image.path, image.size))
        else:
            misplaced.append(image.path)
    _check(roles, misplaced, by_role, folder)
    return Layout({role: sorted(found) for role, found in roles.items()}, misplaced)


def repeated(roles: Mapping[str, Sequence[Labelled]]) -> dict[str, list[str]]:
    """The files whose content another one has too, by kind of finding; the first one is none."""
    places = defaultdict(list)
    for role, images in roles.items():
        for image in images:
            places[image.digest].append((image.path, role, image.label))
    findings = defaultdict(list)
    for (_, role, label), *others in map(sorted, places.values()):
        for path, its_role, its_label in others:
            kind = "leaked" if its_role != role else "duplicate"
            findings["contradictory" if its_label != label else kind].append(path)
    return {kind: sorted(paths) for kind, paths in findings.items()}


def _found_splits(images: Sequence[Image], folder: str) -> FolderSplits:
    tops = {parts[0] for image in images if len(parts := image.path.split("/")) == 3}
    if not tops or not tops <= set(_SPLIT_FOLDERS):
        return _BY_CONTENT
    for needed in ("train", "test"):
        if needed not in tops:
            raise Failure(
                f"{shown(folder)} has images in the folders {_listed(tops)} and none in {needed}. "
                "Name the folder of each split in data.splits."
            )
    return FolderSplits(**{role: role for role in _SPLIT_FOLDERS if role in tops})


def _drawn(digest: bytes, shares: Mapping[str, int]) -> str:
    """The split of a content; `shares` are percentages."""
    place = int.from_bytes(digest[:8], "big") * 100 >> 64
    for role, share in shares.items():
        place -= share
        if place < 0:
            return role
    raise AssertionError(f"the shares are {sum(shares.values())} percent")


def _check(roles, misplaced: Sequence[str], by_role: Mapping[str, int | str], folder: str) -> None:
    place = shown(folder)
    if not any(roles.values()):
        expected = "<class>/<name>"
        if misplaced and isinstance(by_role["train"], str):
            expected = f"<split>/<class>/<name> with the splits {_listed(by_role.values())}"
        found = ""
        if misplaced:
            found = f"; {len(misplaced):,} lie elsewhere, such as {shown(misplaced[0])}"
        raise Failure(
            f"{place} has no image as {expected}{found}. Move the images, or name split folders in "
            "data.splits, as in {train: train, validation: val, test: test}."
        )
    labels = {role: {image.label for image in images} for role, images in roles.items()}
    every = set().union(*labels.values())
    for label in sorted(every):
        if shown(label) != label:
            raise Failure(
                f"{place}: the name of the class folder {shown(label)} holds what is no printable "
                "character of UTF-8. Rename the folder."
            )
    if len(every) < _LEAST_CLASSES:
        raise Failure(
            f"{place} has one class only, {_listed(every)}. Give each class a folder of its own."
        )
    for role, images in roles.items():
        if not images:
            raise Failure(
                f"{place}: split {role} gets none of the {sum(map(len, roles.values())):,} images. "
                "Add images, or set data.splits."
            )
    _check_classes(labels, place)


def _check_classes(labels: Mapping[str, set[str]], place: str) -> None:
    """A class of one split alone can be learnt and never measured, or the other way round."""
    measured = set().union(*(found for role, found in labels.items() if role != "train"))
    way_on = "Add images of it, remove its folder, or set data.splits."
    if untrained := measured - labels["train"]:
        raise Failure(f"{place}: split train has no image of {_classes(untrained)}. {way_on}")
    if unmeasured := labels["train"] - measured:
        raise Failure(f"{place}: split train alone has images of {_classes(unmeasured)}. {way_on}")


def _classes(names: Iterable[str]) -> str:
    return f"class{'es' if len(set(names)) > 1 else ''} {_listed(names)}"


def _listed(names: Iterable[str], most: int = 5) -> str:
    ordered = sorted(map(shown, names))
    more = f" and {len(ordered) - most:,} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more
