"""Small shards of transformed Examples, each pixel of which tells the example's number."""

import dataclasses
import hashlib

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.input.options import FeedOptions, Workers

FED = {field.name for field in dataclasses.fields(FeedOptions)}
SHAPE = (4, 3, 3)  # height, width, channels


def fed(door, *where, worker: int = 0, workers: int = 1, **keys):
    """What a door of the input function makes, FeedOptions' fields given as keywords."""
    options = FeedOptions(
        workers=Workers(worker, workers), **{name: keys.pop(name) for name in FED & keys.keys()}
    )
    return door(*where, options=options, **keys)


def _example(number: int, mask: bool) -> bytes:
    pixels = np.empty(SHAPE, np.uint8).reshape(-1)
    pixels[0::2], pixels[1::2] = number % 256, number // 256
    feature = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels.tobytes()])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
    }
    if mask:
        row = np.full(SHAPE[:2], number % 3, np.uint8).tobytes()
        feature["mask"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[row]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


@pytest.fixture(scope="session")
def write_shards(tmp_path_factory):
    """(examples, shards=3, mask=False) -> files with the numbers from 0, of uneven sizes."""

    def write(examples: int, shards: int = 3, mask: bool = False) -> list[str]:
        folder = tmp_path_factory.mktemp("shards")
        cuts = np.linspace(0, 1, shards + 1) ** 2 * examples
        files = []
        for shard in range(shards):
            path = str(folder / f"data_tfrecord-{shard:05d}-of-{shards:05d}")
            with tf.io.TFRecordWriter(path) as writer:
                for number in range(int(cuts[shard]), int(cuts[shard + 1])):
                    writer.write(_example(number, mask))
            files.append(path)
        return files

    return write


@pytest.fixture(scope="session")
def numbers():
    """A dataset of batches -> a list of lists of the examples' numbers, pixels checked."""

    def read(dataset) -> list[list[int]]:
        batches = []
        for images, labels in dataset.as_numpy_iterator():
            assert images.dtype == np.uint8
            assert labels.dtype == np.int64
            pixels = images.reshape(len(labels), -1).astype(np.int64)
            np.testing.assert_array_equal(pixels[:, 0] + 256 * pixels[:, 1], labels)
            batches.append(labels.tolist())
        return batches

    return read


@pytest.fixture(scope="session")
def digest():
    """(dataset, batches) -> a hash of every byte of the first batches."""

    def read(dataset, batches: int) -> str:
        found = hashlib.sha256()
        for images, labels in dataset.take(batches).as_numpy_iterator():
            found.update(images.tobytes())
            found.update(labels.tobytes())
        return found.hexdigest()

    return read
