"""How the TFRecord files of a split are called; needs nothing but Python, as the wheel has it."""

import os

LEAST = 4  # shards of a split, so that readers have something to interleave even in small data
_FILE_PREFIX = "data_tfrecord"  # as TFX's own ExampleGen names its files


def shard_path(split_uri: str, index: int, number: int) -> str:
    """The path of shard `index`, from 0, of `number` shards in the folder of a split."""
    return os.path.join(split_uri, f"{_FILE_PREFIX}-{index:05d}-of-{number:05d}")
