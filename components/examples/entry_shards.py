"""Writes the files of a split as Examples, several shards at once."""

import hashlib
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from components.examples.entries import Entry
from components.examples.picture_files import NEXT_STEP, shown
from components.examples.reading import serialized
from components.examples.shard_names import LEAST, shard_path
from components.examples.shard_writer import write_shard
from failures import Failure
from files import tfrecords
from files.places import opened, reading
from settings.data import WEIGHT, Features

_BYTES = 128 << 20  # of one shard, about


def check_features(features: Features, others: Sequence[str] = ()) -> None:
    """Raises a Failure where an Example would hold two things in one feature.

    Args:
      others: names of features that are written as well.
    """
    taken = [features.image_feature, *others]
    key = "label_feature" if features.mask_feature is None else "mask_feature"
    if features.target_feature in taken or features.image_feature in others:
        raise Failure(
            f"data.{key}: given {features.target_feature!r}; allowed: another feature than "
            f"data.image_feature{''.join(f' and {name}' for name in others)}"
        )


Read = Callable[[str, bytes], bytes]  # the content of this path and digest


@dataclass(frozen=True)
class Shard:
    """One output file and the entries that go into it."""

    path: str
    read: Read  # Beam's workers get it pickled
    entries: Sequence[Entry]
    features: Features


def plan(
    entries: Sequence[Entry],
    reader: Callable[[Sequence[Entry]], Read],
    split_uri: str,
    features: Features,
) -> list[Shard]:
    """Divides a split's entries over its shards, keeping their order; no shard is empty.

    Args:
      reader: gives what reads the contents of some entries.
    """
    wanted = max(LEAST, math.ceil(sum(entry.size for entry in entries) / _BYTES))
    number = min(wanted, len(entries))
    bounds = [len(entries) * index // number for index in range(number + 1)]
    parts = [entries[start:stop] for start, stop in itertools.pairwise(bounds)]
    return [
        Shard(shard_path(split_uri, index, number), reader(part), part, features)
        for index, part in enumerate(parts)
    ]


def write(shard: Shard) -> int:
    """Writes the shard.

    Returns:
      How many examples there are in it.

    Raises:
      Failure: a file is not what it was, or cannot be read; or the shard cannot be written.
    """
    return write_shard(shard.path, _records(shard))


def _records(shard: Shard) -> Iterator[bytes]:
    features = shard.features
    for entry in shard.entries:
        image = shard.read(entry.path, entry.digest)
        values = {features.image_feature: image}
        if features.multi_label:
            values[features.label_feature] = [name.encode() for name in entry.classes]
        elif features.mask_feature is None:
            values[features.label_feature] = entry.label.encode()
        else:
            mask = shard.read(entry.mask_path, entry.mask_digest)
            values[features.mask_feature] = mask
        if entry.sample_weight is not None:
            values[WEIGHT] = entry.sample_weight
        yield tfrecords.frame(serialized(values))


def read_file(folder: str, path: str, digest: bytes) -> bytes:
    """The content of a file of a folder.

    Raises:
      Failure: it cannot be read, or has another SHA-256 now.
    """
    place = os.path.join(folder, path)
    with reading(shown(place), NEXT_STEP), opened(place) as file:
        content = file.read()
    if hashlib.sha256(content).digest() != digest:
        raise Failure(f"{shown(place)} changed while it was read. Run again.")
    return content
