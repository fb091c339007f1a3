"""Records of TFDS datasets whose files are not TFRecords, through TFDS's own readers.

Whatever the file format, TFDS stores an example as one serialized, flat tf.train.Example
(the feature `box` within `objects` is named `objects/box`) with its images encoded.
"""

import itertools
from collections.abc import Iterator

from tensorflow_datasets.core import file_adapters

from components.tfds_example_gen.preparation import first_line
from failures import Failure

_BATCH = 64  # records read at once


def batches(
    path: str, skip: int, take: int, file_format: str, to_end: bool = False
) -> Iterator[list[bytes]]:
    """The serialized Examples of a file, some at once; the formats check themselves.

    Args:
        path: The file, of `file_format`, as TFDS names it.
        skip: The first record's number.
        take: How many records there are to read.
        to_end: Whether the file must end after them.

    Raises:
        Failure: The file cannot be read, or holds fewer or more records than expected.
    """
    # One record more than wanted shows whether the file goes on.
    stored = _stored(path, skip, take + to_end, file_format)
    count = 0
    while batch := _next_batch(stored, path, file_format):
        count += len(batch)
        if count > take:
            break
        yield batch
    if count != take:
        raise Failure(
            f"{path} holds {'more' if count > take else 'fewer'} records than the {skip + take:,} "
            "that its dataset_info.json promises. Prepare the dataset again, preferably as "
            "tfrecord."
        )


def _next_batch(stored: Iterator[bytes], path: str, file_format: str) -> list[bytes]:
    try:
        return list(itertools.islice(stored, _BATCH))
    except Exception as error:  # each format's library has exceptions of its own
        raise Failure(
            f"{path} cannot be read as {file_format}: {first_line(error)}. Copy the file again, or "
            "delete the dataset's folder and prepare it again, preferably as tfrecord."
        ) from error


def _stored(path: str, skip: int, take: int, file_format: str) -> Iterator[bytes]:
    if file_format == file_adapters.FileFormat.ARRAY_RECORD.value:
        yield from _array_records(path, skip, take)
    else:
        adapter = file_adapters.ADAPTER_FOR_FORMAT[file_adapters.FileFormat(file_format)]
        yield from adapter.make_tf_data(path).skip(skip).take(take).as_numpy_iterator()


def _array_records(path: str, skip: int, take: int) -> Iterator[bytes]:
    # Imported here because its wheels do not exist for every system that TFDS runs on.
    from array_record.python import array_record_module

    reader = array_record_module.ArrayRecordReader(path, "readahead_buffer_size:0")
    stop = min(skip + take, reader.num_records())
    for start in range(skip, stop, _BATCH):
        yield from reader.read(start, min(start + _BATCH, stop))
