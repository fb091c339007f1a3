"""Writes the images of a split as Examples, several shards at once."""

import hashlib
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.examples.reading import serialized
from components.examples.shard_names import LEAST, shard_path
from components.examples.shards import write_shard
from components.folder_example_gen.layout import Labelled
from components.folder_example_gen.scan import NEXT_STEP, shown
from failures import Failure
from files import tfrecords
from files.places import opened, reading

_BYTES = 128 << 20  # of one shard, about


@dataclass(frozen=True)
class Shard:
    """One output file and the images that go into it."""

    path: str
    folder: str  # of the images
    images: Sequence[Labelled]
    image_feature: str
    label_feature: str


def plan(
    images: Sequence[Labelled], folder: str, split_uri: str, image_feature: str, label_feature: str
) -> list[Shard]:
    """Divides a split's images over its shards, keeping their order; no shard is empty."""
    wanted = max(LEAST, math.ceil(sum(image.size for image in images) / _BYTES))
    number = min(wanted, len(images))
    bounds = [len(images) * index // number for index in range(number + 1)]
    return [
        Shard(
            shard_path(split_uri, index, number),
            folder,
            images[start:stop],
            image_feature,
            label_feature,
        )
        for index, (start, stop) in enumerate(itertools.pairwise(bounds))
    ]


def write(shard: Shard) -> None:
    """Writes the shard.

    Raises:
      Failure: an image is not what it was, or cannot be read; or the file cannot be written.
    """
    write_shard(shard.path, _records(shard))


def _records(shard: Shard) -> Iterator[bytes]:
    for image in shard.images:
        place = os.path.join(shard.folder, image.path)
        with reading(shown(place), NEXT_STEP), opened(place) as file:
            content = file.read()
        if hashlib.sha256(content).digest() != image.digest:
            raise Failure(f"{shown(place)} changed while it was read. Run again.")
        values = {shard.image_feature: content, shard.label_feature: image.label.encode()}
        yield tfrecords.frame(serialized(values))
