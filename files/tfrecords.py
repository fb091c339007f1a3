"""TFRecord files: each record is verified, and none is parsed.

A record on disk is its length (uint64), the masked CRC32C of the length, the data, and
the masked CRC32C of the data. A run of whole records is therefore a TFRecord file in
itself. Read in Python, because TensorFlow's import takes seconds and its pipelines 20 ms a
file: small records take twice its time (1 µs more), large ones half of it.
"""

import contextlib
import gzip
import itertools
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

import google_crc32c
import numpy as np

from failures import Failure
from files import places
from files.places import opened, reading

_HEADER = struct.Struct("<QI")  # length, masked CRC32C of the length's eight bytes
_FOOTER = struct.Struct("<I")  # masked CRC32C of the data
_MASK = 0xA282EAD8
_FRAME_BYTES = _HEADER.size + _FOOTER.size
CHECKSUM = slice(-_FOOTER.size, None)  # of a record in a file: that of its data
_BATCH_BYTES = 16 << 20
_READ_BYTES = 4 << 20  # what one reader holds; a larger record is held whole
_SKIP_BYTES = 256 << 10  # larger records are jumped over instead of read
_NEXT_STEP = "Copy or write the file again, then run again."
_CUT = "the file ends within it"
_WRONG_LENGTH = "the checksum of its length does not match"
_WRONG_DATA = "the checksum of its data does not match"
_UNPACKABLE = (EOFError, zlib.error, gzip.BadGzipFile)


class Run(NamedTuple):
    """Consecutive records."""

    bytes: bytes  # as they are in the file, whole: a TFRecord file in itself
    records: list[bytes]  # their data


class _Place(NamedTuple):
    """A record's place, for messages."""

    path: str
    number: int  # from 0
    offset: int  # its first byte; of a gzipped file's unpacked content
    next_step: str


def records(
    path, first: int = 0, take: int | None = None, next_step: str = _NEXT_STEP
) -> Iterator[bytes]:
    """The data of a file's records; the file is plain or gzipped, local or remote.

    Args:
      path: the file.
      first: the number of the first record to read, from 0.
      take: how many to read; None: all, to the end of the file.
      next_step: a sentence for the user of a damaged file.

    Raises:
      Failure: the file cannot be read, is truncated, or a checksum does not match; names
        the file and the record's number.
    """
    if first and not is_packed(path, next_step):
        offset = offsets(path, [first], next_step)[first]
        found, before = runs(path, offset, first, take, next_step), 0
    else:
        last = None if take is None else first + take
        found, before = runs(path, 0, 0, last, next_step), first
    data = itertools.chain.from_iterable(run.records for run in found)
    yield from itertools.islice(data, before, None)


def batches(
    path, most: int, most_bytes: int = _BATCH_BYTES, next_step: str = _NEXT_STEP
) -> Iterator[tuple[int, list[bytes]]]:
    """The records of a file, as `in_batches` has them.

    Yields:
      The number of the batch's first record, and the records' data.
    """
    first = 0
    for batch in in_batches(records(path, next_step=next_step), most, most_bytes):
        yield first, batch
        first += len(batch)


def in_batches(
    records: Iterable[bytes], most: int, most_bytes: int = _BATCH_BYTES
) -> Iterator[list[bytes]]:
    """Records, `most` at a time; a batch ends with the record at `most_bytes`."""
    batch, size = [], 0
    for record in records:
        batch.append(record)
        size += len(record)
        if len(batch) == most or size >= most_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def runs(
    path,
    offset: int = 0,
    first: int = 0,
    take: int | None = None,
    next_step: str = _NEXT_STEP,
) -> Iterator[Run]:
    """Runs of whole records, in order, at most 4 MiB or one record each.

    Args:
      path, next_step: as for `records`.
      offset: the byte at which the first record begins, as `offsets` finds it.
      first: that record's number.
      take: how many records to read; None: all, to the end of the file.

    Raises:
      Failure: as for `records`; also where the file ends before `take` records.
    """
    place = _Place(os.fspath(path), first, offset, next_step)
    with _unpacked(place) as file:
        file.seek(offset)
        held = b""  # what is read and not yet passed on; begins with the record at `place`
        while take is None or take:
            # As much again as is held, so that a huge record is not copied over and over.
            try:
                block = _read(file, max(_READ_BYTES, len(held)), place.offset + len(held))
            except _UNPACKABLE as error:
                raise _damaged(place, f"the file cannot be unpacked ({error})") from error
            if not block:
                if held:
                    raise _damaged(place, _CUT)
                if take:
                    raise _damaged(place, f"the file ends, and {take:,} more were expected")
                return
            held += block
            found, end = _verified(held, place, take)
            if found:
                yield Run(held[:end], found)
                held = held[end:]
                place = _after(place, found, end)
                take = take and take - len(found)


def offsets(path, numbers: Iterable[int], next_step: str = _NEXT_STEP) -> dict[int, int]:
    """The bytes at which records of a plain file begin, by the records' numbers.

    Lengths alone are read and verified; large records are jumped over.

    Raises:
      Failure: as for `records`; also where the file ends before one of the records.
    """
    wanted = set(numbers)
    found = {}
    for number, offset in _steps(path, next_step):
        if number in wanted:
            found[number] = offset
            if len(found) == len(wanted):
                return found
    end = _Place(os.fspath(path), number, offset, next_step)
    raise _damaged(end, f"the file ends, and record {max(wanted):,} was expected")


def count(path, next_step: str = _NEXT_STEP) -> int:
    """How many records a file has, plain or gzipped; of a plain one lengths alone are read.

    Raises:
      Failure: as for `records`.
    """
    if is_packed(path, next_step):
        return sum(len(run.records) for run in runs(path, next_step=next_step))
    return max(number for number, _ in _steps(path, next_step))


def is_packed(path, next_step: str = _NEXT_STEP) -> bool:
    """Whether a file is gzipped, which can be read from its beginning alone."""
    with _unpacked(_Place(os.fspath(path), 0, 0, next_step)) as file:
        return isinstance(file, gzip.GzipFile)


def frame(data: bytes) -> bytes:
    """One record as a TFRecord file holds it."""
    return b"".join(framed([data]))


def framed(pieces: Sequence[bytes]) -> list[bytes]:
    """One record as a TFRecord file holds it, whose data is these pieces, none of them copied."""
    size, crc = 0, 0
    for piece in pieces:
        size += len(piece)
        crc = google_crc32c.extend(crc, piece)
    length = size.to_bytes(8, "little")
    crc = (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF
    return [length + _FOOTER.pack(_masked(length)), *pieces, _FOOTER.pack(crc)]


def set_frames(records: np.ndarray) -> None:
    """Puts around the data of each record what a TFRecord file holds there.

    Args:
      records: (batch, size) uint8, changed in place, with the data of one in `[12:-4]` of each row.
    """
    data = records[:, _HEADER.size : -_FOOTER.size]
    length = data.shape[1].to_bytes(8, "little")
    header = length + _FOOTER.pack(_masked(length))
    records[:, : _HEADER.size] = np.frombuffer(header, np.uint8)
    crc = np.array([google_crc32c.value(row) for row in data], np.uint32)
    masked = ((crc >> 15) | (crc << 17)) + np.uint32(_MASK)  # (batch,), modulo 2**32
    records[:, -_FOOTER.size :] = masked.astype("<u4")[:, None].view(np.uint8)


def _steps(path, next_step: str) -> Iterator[tuple[int, int]]:
    """(number, first byte) of each record of a plain file, by their lengths; then of its end."""
    with reading(path, next_step), opened(path) as file:
        size = places.size(path)
        number = offset = position = 0
        held = b""  # what is read and not yet stepped over; `position` in it is `offset`
        while offset < size:
            yield number, offset
            if position + _HEADER.size > len(held):
                file.seek(offset)
                held, position = file.read(_SKIP_BYTES), 0
            flaw = None
            if position + _HEADER.size > len(held):
                flaw = _CUT
            else:
                length, checksum = _HEADER.unpack_from(held, position)
                if checksum != _masked(held[position : position + 8]):
                    flaw = _WRONG_LENGTH
                elif offset + length + _FRAME_BYTES > size:
                    flaw = _CUT
            if flaw:
                raise _damaged(_Place(os.fspath(path), number, offset, next_step), flaw)
            number += 1
            offset += length + _FRAME_BYTES
            position += length + _FRAME_BYTES
        yield number, offset


def _verified(held: bytes, place: _Place, limit: int | None) -> tuple[list[bytes], int]:
    """The data of the whole records, at most `limit`, that `held` begins with; where they end."""
    found, position = [], 0
    checksum_of, header, footer = google_crc32c.value, _HEADER.unpack_from, _FOOTER.unpack_from
    while position + _HEADER.size <= len(held) and len(found) != limit:
        length, checksum = header(held, position)
        # `_masked` in line, here and below: a quarter of a small record's time.
        crc = checksum_of(held[position : position + 8])
        if checksum != (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF:
            raise _damaged(_after(place, found, position), _WRONG_LENGTH)
        start = position + _HEADER.size
        end = start + length
        if end + _FOOTER.size > len(held):
            break
        data = held[start:end]
        crc = checksum_of(data)
        if footer(held, end)[0] != (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF:
            raise _damaged(_after(place, found, position), _WRONG_DATA)
        found.append(data)
        position = end + _FOOTER.size
    return found, position


def _masked(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


@contextlib.contextmanager
def _unpacked(place: _Place) -> Iterator[BinaryIO]:
    with reading(place.path, place.next_step), opened(place.path) as file:
        head = file.read(_HEADER.size)
        file.seek(0)
        # A plain record of 35,615 bytes begins like a gzipped file; its checksum tells.
        plain = len(head) == _HEADER.size and _HEADER.unpack(head)[1] == _masked(head[:8])
        if head[:2] == b"\x1f\x8b" and not plain:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked
        else:
            yield file


def _read(file: BinaryIO, size: int, position: int) -> bytes:
    try:
        return file.read(size)
    except _UNPACKABLE:
        # What came before the damage, so that the damaged record can be named.
        pieces = []
        file.seek(position)
        with contextlib.suppress(*_UNPACKABLE):
            while piece := file.read1(_SKIP_BYTES):
                pieces.append(piece)
        if not pieces:
            raise
        return b"".join(pieces)


def _after(place: _Place, found: list[bytes], position: int) -> _Place:
    return place._replace(number=place.number + len(found), offset=place.offset + position)


def _damaged(place: _Place, what: str) -> Failure:
    return Failure(
        f"{place.path} is damaged at record {place.number:,} (byte {place.offset:,}): {what}. "
        f"{place.next_step}"
    )
