"""Image files for a model to answer, and the files of its masks."""

import errno
import itertools
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from components.batch_predictor.places import BY_DEFAULT, Files, files_at
from components.examples.picture_files import MOST_BYTES, shown
from components.image_files import HEAD, KINDS, kind_named, kind_of
from components.in_parallel import in_threads
from failures import Failure
from files import places
from settings.buckets import Cached

_NAMED = 3  # files that one line names
_BATCH = 64  # images of one call: bounds the memory, whatever their number
BATCH_BYTES = 16 << 20  # with which a batch ends: bounds it, whatever their size
READS_AT_ONCE = 16  # A network disk answers each after milliseconds.


def images_among(paths: Mapping[str, str]) -> dict[str, str]:
    """Those of the files, by their names, that are images by content, or say so in their names.

    What a hidden file says does not count: macOS puts `._photo.jpg` beside `photo.jpg`.
    """
    are_images = in_threads(_is_image, paths.values(), READS_AT_ONCE)
    return dict(itertools.compress(paths.items(), are_images))


def _is_image(file: str) -> bool:
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


def expand(places: Sequence[str], cached: Cached = BY_DEFAULT) -> tuple[Files, str]:
    """The image files of files, folders (with all below them) and globs, once each.

    Args:
      places: on this machine, or in buckets, which are copied first.
      cached: where to.

    Returns:
      The images, and a line about the files of folders that are left out, or "".

    Raises:
      Failure: a place holds no image, or a bucket cannot be read.
    """
    found, held, left_out = {}, [], []
    for place in places:
        files = files_at(place, cached)
        images = files.paths
        if files.is_folder:
            images = images_among(images)
            left_out += [name for name in files.paths if name not in images]
        if not images:
            raise Failure(
                f"{place}: no image found. Give a file, a folder with {KINDS} images or a glob."
            )
        found |= images
        held.append(files.held)
    return Files(found, held=held), left_out_line(left_out)


def contents(
    files: Iterable[str], most: int, most_bytes: int = BATCH_BYTES
) -> Iterator[list[bytes | OSError]]:
    """What is in the files, or why it cannot be read: in order and in batches.

    Args:
      most: files of a batch; it ends before with the file at `most_bytes`.
    """
    batch, size = [], 0
    for found in in_threads(_content, files, READS_AT_ONCE):
        batch.append(found)
        size += len(found) if isinstance(found, bytes) else 0
        if len(batch) == most or size >= most_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _content(file: str) -> bytes | OSError:
    try:
        with open(file, "rb") as opened:
            if os.fstat(opened.fileno()).st_size > MOST_BYTES:
                return OSError(errno.EFBIG, f"the file is above {MOST_BYTES >> 20} MiB")
            return opened.read()
    except OSError as error:
        return error


def answers(model, paths: Mapping[str, str]) -> Iterator[tuple]:
    """Each name of a file with the PushedModel's Answer, in order.

    A file that cannot be read has an error.
    """
    found = contents(paths.values(), _BATCH)
    answers = itertools.chain.from_iterable(map(model.answer_images, found))
    yield from zip(paths, answers, strict=True)


def mask_files(files: Iterable[str], output: str | None) -> dict[str, str]:
    """{image: the file for its mask}, each in the folder `output`; empty without one.

    Raises:
      Failure: one exists already: no file is ever overwritten.
      OSError, or for another remote path than a bucket's tf.errors.OpError: `output` cannot be
        looked into.
    """
    if output is None:
        return {}
    masks, taken = {}, set()
    numbers = defaultdict(lambda: itertools.count(2))  # of each stem, those to come
    for file in files:
        name = stem = Path(file).stem
        while name in taken:
            name = f"{stem}-{next(numbers[stem])}"
        taken.add(name)
        masks[file] = os.path.join(output, f"{name}.mask.png")
    exists = _exists_in(output)
    for mask in masks.values():
        if exists(mask):
            raise Failure(f"{mask} exists already. Name another folder with --output.")
    return masks


def _exists_in(folder):
    """A function: the path of a file in the folder → whether it is there, or a link that is."""
    if places.is_remote(folder):
        # A bucket is asked once for a thousand names, and not twice for each mask.
        return frozenset(places.files_in(folder)).__contains__
    return os.path.lexists
