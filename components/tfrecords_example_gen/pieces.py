"""Copies the records of TFRecord files into the shards of their splits, as they are."""

import contextlib
import hashlib
import itertools
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.examples.picture_files import shown
from components.examples.shard_names import LEAST, shard_path
from components.examples.shard_writer import shard_writer
from components.tfrecords_example_gen.scan import Scan
from failures import Failure
from files import tfrecords

_BYTES = 128 << 20  # of one piece, about
_NEXT_STEP = "It was whole when it was first read; run again once nothing writes to it."


@dataclass(frozen=True)
class Piece:
    """Consecutive records of one file, and the shards that they go into."""

    path: str
    first: int  # number of the first record
    offset: int  # its first byte, of the unpacked content
    role_of: np.ndarray  # (records,) int8
    targets: Mapping[int, str]  # split to the path of its shard
    digest: bytes  # of the records' digests


def plan(
    scans: Sequence[Scan], roles_of: Sequence[np.ndarray], folders: Sequence[str]
) -> list[list[Piece]]:
    """Cuts files into pieces, each of which gives one shard to each split that it has.

    Those of a gzipped file are together: it would be unpacked from its beginning for each.

    Args:
      scans: the files.
      roles_of: of each, its records' splits, (records,) int8.
      folders: of the splits, by number.
    """
    least = math.ceil(LEAST / len(scans))
    cut = []
    for one, role_of in zip(scans, roles_of, strict=True):
        number = min(len(role_of), max(least, math.ceil(one.bytes / _BYTES)))
        for part in np.array_split(np.arange(len(role_of)), number) if number else ():
            digest = hashlib.sha256(one.records[part].tobytes()).digest()
            cut.append((one, int(part[0]), role_of[part], digest))
    totals = [sum(number in roles for _, _, roles, _ in cut) for number in range(len(folders))]
    done, work = [0] * len(totals), []
    for one, first, roles, digest in cut:
        targets = {}
        for number in np.unique(roles).tolist():
            targets[number] = shard_path(folders[number], done[number], totals[number])
            done[number] += 1
        if not (one.is_packed and first):
            work.append([])
        offset = int(one.offsets[first])
        work[-1].append(Piece(one.path, first, offset, roles, targets, digest))
    return work


def write(pieces: Sequence[Piece]) -> Counter[int]:
    """Writes the shards of consecutive pieces of a file, which is read once from the first on.

    Returns:
      How many records there are of each split.

    Raises:
      Failure: the file cannot be read or is not what it was, or a shard cannot be written.
    """
    path, first, offset = pieces[0].path, pieces[0].first, pieces[0].offset
    total = sum(len(piece.role_of) for piece in pieces)
    runs = tfrecords.runs(path, offset, first, total, _NEXT_STEP)
    records = itertools.chain.from_iterable(run.records for run in runs)
    return sum((_write(piece, records) for piece in pieces), Counter())


def _write(piece: Piece, records: Iterator[bytes]) -> Counter[int]:
    digests, written = hashlib.sha256(), Counter()
    with contextlib.ExitStack() as stack:
        writers = {
            role: stack.enter_context(shard_writer(path)) for role, path in piece.targets.items()
        }
        # Roles before records, as the next piece begins with the record after the last one.
        for role, record in zip(piece.role_of.tolist(), records, strict=False):
            digests.update(hashlib.sha256(record).digest()[:16])
            writers[role](tfrecords.frame(record))
            written[role] += 1
        if digests.digest() != piece.digest:
            raise Failure(f"{shown(os.fspath(piece.path))} changed while it was read. Run again.")
    return written
