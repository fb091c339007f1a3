"""Image files for a model to answer, and the files of its masks."""

import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.examples.picture_files import shown
from components.image_files import HEAD, KINDS, kind_named, kind_of
from failures import Failure

_NAMED = 3  # files that one line names
_BATCH = 64  # images of one call: bounds the memory, whatever their number


def is_image(file: str) -> bool:
    """Whether a file is an image by its content, whatever its name is, or says that it is one.

    What a hidden file says does not count: macOS puts `._photo.jpg` beside `photo.jpg`.
    """
    if os.path.exists(file) and not os.path.isfile(file):
        return False  # Opening a pipe would wait for its writer.
    if kind_named(file) and not os.path.basename(file).startswith("."):
        return True  # and if it is not, its answer is an error and not silence
    try:
        with open(file, "rb") as opened:
            return bool(kind_of(opened.read(HEAD)))
    except OSError:
        return True


def left_out_line(files: Sequence[str], wanted: str = f"{KINDS} images") -> str:
    """A line about the files of a folder that are not wanted; "" where there are none."""
    if not files:
        return ""
    named = ", ".join(shown(os.path.basename(file)) for file in files[:_NAMED])
    more = f" and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    return f"{len(files):,} files are not {wanted} and are left out: {named}{more}"


def files_at(place: str) -> list[str]:
    """The files of a file, of a folder with all below it, or of a glob; links are followed."""
    if os.path.isdir(place):
        return sorted(_below(place, (os.path.realpath(place),)))
    if os.path.exists(place):  # Before the glob: a file's name may hold brackets.
        return [place]
    return sorted(path for path in glob.glob(place, recursive=True) if os.path.isfile(path))


def _below(folder: str, above: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                yield entry.path
            # A link to a folder above would lead round in circles.
            elif (real := os.path.realpath(entry.path)) not in above:
                yield from _below(entry.path, (*above, real))


def expand(places: Sequence[str]) -> tuple[list[str], str]:
    """The image files of files, folders (with all below them) and globs, once each.

    Returns:
      The images, and a line about the files of folders that are left out, or "".

    Raises:
      Failure: a place holds no image.
    """
    found, left_out = [], []
    for place in places:
        files = files_at(place)
        if os.path.isdir(place):
            others = [file for file in files if not is_image(file)]
            files = [file for file in files if file not in set(others)]
            left_out += others
        if not files:
            raise Failure(
                f"{place}: no image found. Give a file, a folder with {KINDS} images or a glob."
            )
        found += files
    return list(dict.fromkeys(found)), left_out_line(left_out)


def content(file: str) -> bytes | OSError:
    """What is in the file, or why it cannot be read."""
    try:
        return Path(file).read_bytes()
    except OSError as error:
        return error


def answers(model, files: Sequence[str]) -> Iterator[tuple]:
    """Each file with the PushedModel's Answer, in order; one that cannot be read has an error."""
    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        yield from zip(batch, model.answer_images(list(map(content, batch))), strict=True)


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
