"""Images that several splits share, found by the bytes of the files that they are."""

import hashlib
import itertools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from components.statistics_gen.statistics_files import OVERLAP_FILE, Overlap
from files import writing
from files.strict_json import text_of

_DIGEST_BYTES = 8  # Of 100 million images, any two look alike with a chance of 0.03%.


def digests(batch: pa.RecordBatch, image_feature: str) -> set[bytes]:
    """A digest of each different image of a batch of examples."""
    if image_feature not in batch.schema.names:
        return set()
    images = batch.column(image_feature)
    if images.type != pa.large_list(pa.large_binary()):
        return set()
    return {_digest(image.as_buffer()) for image in images.flatten()}


def _digest(image) -> bytes:
    return hashlib.blake2b(image, digest_size=_DIGEST_BYTES).digest()


def in_an_array(found: Collection[bytes]) -> np.ndarray:
    """(digests,) uint64 of different digests."""
    return np.frombuffer(b"".join(sorted(found)), np.uint64)


def joined(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """(digests,) uint64: each digest of several such arrays once, in rising order."""
    return np.unique(np.concatenate([*arrays]))


def write(
    uri: str,
    of_split: Mapping[str, np.ndarray],
    names: Mapping[tuple[str, str], Sequence[str]] | None = None,
) -> None:
    """Writes, for each two splits that share images, how many different ones.

    Args:
      uri: the folder of the statistics.
      of_split: the digests of each split's images, as `joined` gives them.
      names: of two splits, the names of some images that they share, as far as they are known.
    """
    shared = []
    for one, other in itertools.combinations(of_split, 2):
        count = len(np.intersect1d(of_split[one], of_split[other], assume_unique=True))
        if count:
            shared.append(Overlap(one, other, count, list((names or {}).get((one, other), ()))))
    writing.write(os.path.join(uri, OVERLAP_FILE), text_of(shared))
