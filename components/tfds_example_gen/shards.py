"""Writes one shard, so that its file is either whole or recognisably unfinished."""

from collections import Counter
from collections.abc import Iterator, Sequence

from components.examples.shard_writer import write_shard
from components.tfds_example_gen import other_formats
from components.tfds_example_gen.splits import TFRECORD, Shard
from failures import Failure
from files import tfrecords
from files.places import size

NEXT_STEP = "Copy the file again, or delete the dataset's folder and prepare it again."


def write(shard: Shard, offset: int) -> Counter[str | None]:
    """Copies the shard's records into its file, verifying each of them.

    Args:
        shard: What to write, and where to.
        offset: Byte at which its records begin in the source, for TFRecords.

    Returns:
        How many records were left out, by their label; of None, how many were written.

    Raises:
        Failure: A record cannot be read, or the file cannot be written.
    """
    counts = Counter()
    write_shard(shard.path, _kept(shard, offset, counts))
    return counts


def _kept(shard: Shard, offset: int, counts: Counter[str | None]) -> Iterator[bytes]:
    for run, records in _runs(shard, offset):
        labels = [None] * len(records)
        if shard.exclusion:
            labels = list(map(shard.exclusion.label_of, records))
            kept = [one for one, label in zip(records, labels, strict=True) if label is None]
            run = b"".join(map(tfrecords.frame, kept))
        counts.update(labels)
        yield run


def _runs(shard: Shard, offset: int) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """Bytes that are whole records, and these records."""
    piece = shard.piece
    if shard.file_format != TFRECORD:
        for batch in other_formats.batches(
            piece.path, piece.skip, piece.take, shard.file_format, piece.to_end
        ):
            yield b"".join(map(tfrecords.frame, batch)), batch
        return
    for run in tfrecords.runs(piece.path, offset, piece.skip, piece.take, NEXT_STEP):
        yield run.bytes, run.records
        offset += len(run.bytes)
    if piece.to_end and size(piece.path) > offset:
        raise Failure(
            f"{piece.path} goes on after byte {offset:,}, where it should end by its "
            "dataset_info.json. Its files do not belong together: delete the folder and prepare it "
            "again."
        )
