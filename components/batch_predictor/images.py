"""Image files for a model to answer, and the files of its masks."""

import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from failures import Failure

if TYPE_CHECKING:
    from components.batch_predictor.pushed_model import Answer, PushedModel

SUFFIXES = (".png", ".jpg", ".jpeg")
_BATCH = 64  # images of one call: bounds the memory, whatever their number


def is_image(file: str) -> bool:
    return file.lower().endswith(SUFFIXES)


def files_at(place: str) -> list[str]:
    """The files of a file, of a folder with all below it, or of a glob."""
    if os.path.isdir(place):
        return sorted(str(path) for path in Path(place).rglob("*") if path.is_file())
    if os.path.exists(place):  # Before the glob: a file's name may hold brackets.
        return [place]
    return sorted(path for path in glob.glob(place, recursive=True) if os.path.isfile(path))


def expand(places: Sequence[str]) -> list[str]:
    """The image files of files, folders (with all below them) and globs, once each.

    Raises:
      Failure: a place holds no image.
    """
    found = []
    for place in places:
        files = files_at(place)
        if os.path.isdir(place):
            files = list(filter(is_image, files))
        if not files:
            raise Failure(
                f"{place}: no image found. Give a file, a folder with {', '.join(SUFFIXES)} "
                "files or a glob."
            )
        found += files
    return list(dict.fromkeys(found))


def content(file: str) -> bytes | None:
    """What is in the file; None when it cannot be read."""
    try:
        return Path(file).read_bytes()
    except OSError:
        return None


def answers(model: "PushedModel", files: Sequence[str]) -> Iterator[tuple[str, "Answer"]]:
    """Each file with the model's answer, in order; one that cannot be read has an error."""
    from components.batch_predictor.pushed_model import Answer

    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        read = [content(file) for file in batch]
        answered = iter(model.answer_images([image for image in read if image is not None]))
        unreadable = Answer(error="it cannot be read")
        for file, image in zip(batch, read, strict=True):
            yield file, unreadable if image is None else next(answered)


def mask_files(files: Sequence[str], output: str | None) -> dict[str, str]:
    """{image: the file for its mask}, each in the folder `output`; empty without one.

    Raises:
      Failure: one exists already: no file is ever overwritten.
    """
    if output is None:
        return {}
    masks, taken = {}, set()
    for file in files:
        name = stem = Path(file).stem
        numbers = itertools.count(2)
        while name in taken:
            name = f"{stem}-{next(numbers)}"
        taken.add(name)
        masks[file] = os.path.join(output, f"{name}.mask.png")
    for mask in masks.values():
        if os.path.lexists(mask):
            raise Failure(f"{mask} exists already. Name another folder with --output.")
    return masks
