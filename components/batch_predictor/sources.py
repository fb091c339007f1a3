"""What is predicted in batches, as runs of records that can be resumed one by one."""

import errno
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from components.batch_predictor.images import BATCH_BYTES, contents, images_among, left_out_line
from components.batch_predictor.places import BY_DEFAULT, Files, files_at
from components.image_files import KINDS
from failures import Failure
from files import tfrecords
from files.buckets.addresses import is_bucket
from settings.buckets import Cached

PART = 10_240  # records of one output file: what a kill can cost at most
_TFRECORD = "tfrecord"
_MANIFESTS = (".csv", ".jsonl", ".parquet")
BATCH = 512  # records of a batch, or fewer of many bytes; divides PART
_NO_IMAGE = OSError(errno.ENODATA, "the row has no image")  # for a record without a byte


@dataclass(frozen=True)
class Run:
    """Consecutive records of one file, or consecutive images of a folder."""

    place: str  # a file of records, a folder of images, a manifest of them or a table
    start: int  # the first record's number in it
    count: int
    names: tuple[str, ...] = ()  # of the images; empty for a file of Examples
    paths: tuple[str, ...] = ()  # of these, if each is a file
    path: str = ""  # of the file of records on this machine, if it is not the place
    file_format: str = _TFRECORD  # of such a file, as TFDS names it
    version: str = ""  # stands for the content; "": the files' times do
    held: Any = field(default=None, compare=False)  # keeps the copy of a bucket as it is


def runs_of(
    place: str, column: str = "path", root: str = "", cached: Cached = BY_DEFAULT
) -> tuple[list[Run], str]:
    """The records of TFRecord files, of a folder of images or of those that a manifest names.

    Args:
      place: a file, a glob, or a folder with TFRecord files or images below it; may be in a
        bucket.
      column, root: of a manifest, the images' paths and where they begin, from its folder on.
      cached: where a bucket is copied to.

    Returns:
      The runs, and a line about the files of a folder that are left out, or "".

    Raises:
      Failure: there is nothing to predict, or a bucket cannot be read.
    """
    if place.endswith(_MANIFESTS) and (is_bucket(place) or os.path.isfile(place)):
        from components.batch_predictor.manifests import named_files

        files = named_files(place, column, root, cached)
        return _runs_of_images(place, files, files.paths), ""
    files = files_at(place, cached)
    paths = files.paths
    records = [name for name in paths if "tfrecord" in os.path.basename(name)]
    images = [] if records else list(images_among(paths))
    taken = {*records, *images}
    left_out = [name for name in paths if name not in taken]
    if images:
        return _runs_of_images(place, files, images), left_out_line(left_out)
    if not paths or (not records and files.is_folder):
        raise Failure(
            f"--input {place}: no TFRecord file (…tfrecord…) and no {KINDS} image is there. "
            "Name a file, a glob or another folder."
        )
    if not records:  # a file or a glob: whatever it is called, it is what to read
        records, left_out = list(paths), []
    runs = []
    for name in records:
        whole = Run(name, 0, tfrecords.count(paths[name]), held=files.held)
        runs += runs_of_records(whole, paths[name], files.version)
    return runs, left_out_line(left_out, "TFRecord files")


def runs_of_records(whole: Run, path: str, version: str) -> list[Run]:
    """The runs of one file of records on this machine, of Examples or of images with names."""
    return _split(replace(whole, path=path, version=version))


def _runs_of_images(place: str, files: Files, names: Iterable[str]) -> list[Run]:
    paths = tuple(files.paths[name] for name in names)
    of_copy = {"version": files.version, "held": files.held}
    return _split(Run(place, 0, len(paths), tuple(names), paths, **of_copy))


def runs_of_dataset(name: str, split: str, data_dir: str | None) -> list[Run]:
    """The records of a split of a prepared TFDS dataset, in its files' order.

    Raises:
      Failure: there is no such dataset or split.
    """
    from components.tfds_example_gen import splits
    from components.tfds_example_gen.dataset import load

    builder = load(name, data_dir)
    pieces = splits.pieces(builder, "--split", split)
    file_format = builder.info.file_format.value
    wholes = [Run(one.path, one.skip, one.take, file_format=file_format) for one in pieces]
    return [run for whole in wholes for run in _split(whole)]


def batches(run: Run) -> Iterator[list[bytes | OSError]]:
    """The records of a run in batches: serialized Examples, or encoded images if it has names.

    In place of an image that cannot be read is the reason.

    Raises:
      Failure: a file of records is damaged, ends early or cannot be read.
    """
    return next(batches_of([run]))


def batches_of(
    runs: Sequence[Run], most: int = BATCH, most_bytes: int = BATCH_BYTES
) -> Iterator[Iterator[list[bytes | OSError]]]:
    """`batches` of each run; all of one must be taken before the next.

    For consecutive runs, a file is read once: to find a record, all before it are stepped over.

    Args:
      most: records of a batch; it ends before with the record at `most_bytes`.
    """
    for together in _consecutive(runs):
        place, start = together[0].path or together[0].place, together[0].start
        records = tfrecords.records(place, start, sum(run.count for run in together))
        for run in together:
            if run.paths:
                yield contents(run.paths, most, most_bytes)
            elif run.file_format != _TFRECORD:
                from components.tfds_example_gen import other_formats

                found = other_formats.batches(run.place, run.start, run.count, run.file_format)
                found = itertools.chain.from_iterable(found)
                yield tfrecords.in_batches(found, most, most_bytes)
            else:
                found = itertools.islice(records, run.count)
                found = tfrecords.in_batches(found, most, most_bytes)
                yield map(_with_reasons, found) if run.names else found


def _with_reasons(images: list[bytes]) -> list[bytes | OSError]:
    return [one or _NO_IMAGE for one in images]


def _consecutive(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of which each begins where the one before ends."""
    groups, follows = [], None
    for run in runs:
        file = run.place, run.path
        if (file, run.start) != follows:
            groups.append([])
        groups[-1].append(run)
        follows = file, run.start + run.count
    return groups


def _split(whole: Run) -> list[Run]:
    return [
        replace(
            whole,
            start=whole.start + offset,
            count=min(PART, whole.count - offset),
            names=whole.names[offset : offset + PART],
            paths=whole.paths[offset : offset + PART],
        )
        for offset in range(0, whole.count, PART)
    ]
