"""What is predicted in batches, as runs of records that can be resumed one by one."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from components.batch_predictor.images import content, files_at, is_image, left_out_line
from components.image_files import KINDS
from failures import Failure
from files import tfrecords

PART = 10_240  # records of one output file: what a kill can cost at most
_TFRECORD = "tfrecord"
_MANIFESTS = (".csv", ".jsonl", ".parquet")
BATCH = 512  # records the model sees at once; divides PART


@dataclass(frozen=True)
class Run:
    """Consecutive records of one file, or consecutive images of a folder."""

    place: str  # a file of records, a folder of images or a manifest of them
    start: int  # the first record's number in it
    count: int
    names: tuple[str, ...] = ()  # of the images; empty for a file of records
    file_format: str = _TFRECORD  # of such a file, as TFDS names it


def runs_of(place: str, column: str = "path", root: str = "") -> tuple[list[Run], str]:
    """The records of TFRecord files, of a folder of images or of those that a manifest names.

    Args:
      place: a file, a glob, or a folder with TFRecord files or images below it.
      column, root: of a manifest, the images' paths and where they begin, from its folder on.

    Returns:
      The runs, and a line about the files of a folder that are left out, or "".

    Raises:
      Failure: there is nothing to predict.
    """
    if place.endswith(_MANIFESTS) and os.path.isfile(place):
        images = _named(place, column, root)
        return _split(Run(place, 0, len(images), images)), ""
    files = files_at(place)
    records = [file for file in files if "tfrecord" in os.path.basename(file)]
    images = [] if records else [file for file in files if is_image(file)]
    left_out = [file for file in files if file not in {*records, *images}]
    if images:
        return _split(Run(place, 0, len(images), tuple(images))), left_out_line(left_out)
    if not files or (not records and os.path.isdir(place)):
        raise Failure(
            f"--input {place}: no TFRecord file (…tfrecord…) and no {KINDS} image is there. "
            "Name a file, a glob or another folder."
        )
    if not records:  # a file or a glob: whatever it is called, it is what to read
        records, left_out = files, []
    runs = [run for file in records for run in _split(Run(file, 0, tfrecords.count(file)))]
    return runs, left_out_line(left_out, "TFRecord files")


def _named(manifest: str, column: str, root: str) -> tuple[str, ...]:
    """The images that a manifest names, once each, in its order."""
    from components.manifest_example_gen import tables

    table = tables.read(manifest, [column])
    if column not in table.columns:
        raise Failure(
            f"--input {manifest} has no column {column!r}. It has: {', '.join(table.columns)}. "
            "Rename one, or give --config with data.columns.path."
        )
    folder = os.path.join(os.path.dirname(manifest), os.path.expanduser(root))
    found = {}
    for where, cells in table.rows:
        path = cells.get(column)
        if not isinstance(path, str) or not path or "\0" in path:
            raise Failure(
                f"--input {manifest}, {where}: given {path!r}; allowed: a path. Correct the "
                "manifest, then run again."
            )
        found[os.path.normpath(os.path.join(folder, path))] = None
    if not found:
        raise Failure(f"--input {manifest} has no rows. Name another.")
    return tuple(found)


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
    """The records of a run in batches: serialized Examples or encoded images.

    In place of an image that cannot be read is the reason.

    Raises:
      Failure: a file of records is damaged, ends early or cannot be read.
    """
    if run.names:
        for start in range(0, len(run.names), BATCH):
            yield [content(name) for name in run.names[start : start + BATCH]]
        return
    if run.file_format != _TFRECORD:
        from components.tfds_example_gen import other_formats

        yield from other_formats.batches(run.place, run.start, run.count, run.file_format)
        return
    found = tfrecords.batches(run.place, BATCH, first=run.start, take=run.count)
    yield from (batch for _, batch in found)


def _split(whole: Run) -> list[Run]:
    return [
        replace(
            whole,
            start=whole.start + offset,
            count=min(PART, whole.count - offset),
            names=whole.names[offset : offset + PART],
        )
        for offset in range(0, whole.count, PART)
    ]
