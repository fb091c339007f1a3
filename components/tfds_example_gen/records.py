"""TFRecord files as runs of verified bytes: nothing is parsed, decoded or copied by record.

A record on disk is its length (uint64), the masked CRC32C of the length, the data, and
the masked CRC32C of the data. A run of whole records is therefore a TFRecord file in
itself, so that verifying a run and writing it out is all that copying records takes.
"""

import contextlib
import struct
from collections.abc import Iterable, Iterator

import google_crc32c
import tensorflow as tf

from failures import Failure

_HEADER = struct.Struct("<QI")  # length, masked CRC32C of the length's eight bytes
_FOOTER = struct.Struct("<I")  # masked CRC32C of the data
_READ_BYTES = 4 << 20  # what one reader holds; a larger record is held whole
_SKIP_BYTES = 256 << 10  # larger records are jumped over instead of read


def offsets(path: str, records: Iterable[int]) -> dict[int, int]:
    """Returns at which byte records begin, by their number in the file.

    Only lengths are looked at, and large records are jumped over.

    Raises:
        Failure: The file cannot be read, ends before one of the records, or the checksum
            of a length does not match.
    """
    with _opened(path) as file:
        found = {}
        walked = offset = position = 0
        held = b""
        for record in sorted(set(records)):
            for _ in range(record - walked):
                if position + _HEADER.size > len(held):
                    file.seek(offset)
                    held, position = file.read(_SKIP_BYTES), 0
                    if len(held) < _HEADER.size:
                        raise _truncated(path, offset, f"record {record:,} was expected")
                size = _size(held, position, path, offset)
                position += size
                offset += size
            walked = record
            found[record] = offset
        return found


def verified_runs(path: str, offset: int, take: int, to_end: bool) -> Iterator[tuple[bytes, int]]:
    """Yields runs of whole records, in order, as they are in the file.

    Args:
        path: A TFRecord file, uncompressed, local or remote.
        offset: Byte at which the first record begins, as `offsets` finds it.
        take: Number of records to read.
        to_end: Whether the file has to end after them.

    Yields:
        The bytes of one or several records, and how many records they are.

    Raises:
        Failure: The file cannot be read, ends early, goes on too long, or a checksum
            does not match; names the file and the byte offset of the record.
    """
    with _opened(path) as file:
        file.seek(offset)
        held = b""  # what is read and not yet passed on: begins at `offset`, with a record
        while take:
            # As much again as is held, so that a huge record is not copied over and over.
            block = file.read(max(_READ_BYTES, len(held)))
            if not block:
                raise _truncated(path, offset, f"{take:,} more records were expected")
            held += block
            end, count = _verify(held, path, offset, limit=take)
            if count:
                yield held[:end], count
                held, offset, take = held[end:], offset + end, take - count
        if to_end and (held or file.read(1)):
            raise Failure(
                f"{path} goes on after byte {offset:,}, where by its dataset_info.json it ends. "
                "Its files do not belong together: delete the folder and prepare it again."
            )


def frame(data: bytes) -> bytes:
    """Returns one record as a TFRecord file holds it."""
    length = len(data).to_bytes(8, "little")
    return b"".join(
        (length, _FOOTER.pack(_masked_crc(length)), data, _FOOTER.pack(_masked_crc(data)))
    )


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tf.io.gfile.GFile]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            yield file
    except tf.errors.OpError as error:
        raise Failure(
            f"{path} cannot be read: {error.message}. Check that the file is there and its "
            "permissions, then run again."
        ) from error


def _verify(held: bytes, path: str, offset: int, limit: int) -> tuple[int, int]:
    """Checks at most `limit` whole records of `held`; returns where they end and how many."""
    position = count = 0
    while count < limit and position + _HEADER.size <= len(held):
        end = position + _size(held, position, path, offset + position)
        if end > len(held):
            break
        data = held[position + _HEADER.size : end - _FOOTER.size]
        if _FOOTER.unpack_from(held, end - _FOOTER.size)[0] != _masked_crc(data):
            raise _corrupt(path, offset + position, "data")
        position = end
        count += 1
    return position, count


def _size(held: bytes, position: int, path: str, offset: int) -> int:
    """Returns how many bytes the record at `position` takes, header and footer included."""
    length, checksum = _HEADER.unpack_from(held, position)
    if checksum != _masked_crc(held[position : position + 8]):
        raise _corrupt(path, offset, "length")
    return _HEADER.size + length + _FOOTER.size


def _masked_crc(data: bytes) -> int:
    checksum = google_crc32c.value(data)
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _corrupt(path: str, offset: int, what: str) -> Failure:
    return Failure(
        f"{path} is corrupt: the checksum of the {what} of the record at byte {offset:,} does not "
        "match. Copy the file again, or delete the dataset's folder and prepare it again."
    )


def _truncated(path: str, offset: int, detail: str) -> Failure:
    return Failure(
        f"{path} is truncated: it ends within or before the record at byte {offset:,}, though "
        f"{detail}. Copy the file again, or delete the dataset's folder and prepare it again."
    )
