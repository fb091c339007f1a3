"""Images that several splits share once they are decoded, whatever files they were."""

import itertools
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import google_crc32c
import numpy as np

from components.transform.job import Shard
from failures import Failure

DIGEST_BYTES = 8


def digests(images: np.ndarray) -> bytes:
    """DIGEST_BYTES for each of the images, (batch, size) uint8.

    Two checksums of the whole: of 100 million different images any two look alike with a chance of
    0.03%. With one for each half, images that share a half would have 32 bits alone.
    """
    found = np.empty((len(images), 2), "<u4")
    for number, checksum in enumerate((google_crc32c.value, zlib.crc32)):
        found[:, number] = [checksum(row) for row in images]
    return found.tobytes()


def check(found: Sequence[tuple[Shard, bytes]], most: float) -> list[str]:
    """Accepts two splits that share images up to a part of the smaller one's examples.

    Args:
      found: of each shard, the digests of its images in their order.
      most: 0 to 1.

    Returns:
      What two splits share, as in "train and test share the pixels of 2 images".

    Raises:
      Failure: they share more; names one image.
    """
    of_split, written = defaultdict(list), Counter()
    for shard, content in found:
        of_split[shard.split].append(np.frombuffer(content, np.uint64))
        written[shard.split] += len(content) // DIGEST_BYTES
    distinct = {split: np.unique(np.concatenate(parts)) for split, parts in of_split.items()}
    remarks = []
    for one, other in itertools.combinations(distinct, 2):
        both = np.intersect1d(distinct[one], distinct[other], assume_unique=True)
        if not len(both):
            continue
        images = f"{len(both):,} image{'s' if len(both) > 1 else ''}"
        remarks.append(f"{one} and {other} share the pixels of {images}")
        smaller = min((one, other), key=written.__getitem__)
        share = len(both) / written[smaller]
        if share > most:
            places = " and ".join(_place(found, split, both[0]) for split in (one, other))
            raise Failure(
                f"Transform: {remarks[-1]}, such as {places}, {share:.2%} of {smaller}; "
                f"{most:.2%} allowed. Remove the copies, choose splits that do not overlap, or "
                "raise validation.max_overlap."
            )
    return remarks


def _place(found: Sequence[tuple[Shard, bytes]], split: str, digest: np.uint64) -> str:
    for shard, content in found:
        places = np.flatnonzero(np.frombuffer(content, np.uint64) == digest)
        if shard.split == split and len(places):
            return f"record {places[0]:,} of {split}'s {shard.file}"
    raise KeyError(digest)
