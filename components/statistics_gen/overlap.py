"""Images that several splits share, found by the bytes of the files that they are."""

import hashlib
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from tfx_bsl.coders import example_coder

from components.engine import Engine, run_shards
from components.statistics_gen.image_statistics import MAX_BATCH_RECORDS, NEXT_STEP
from components.statistics_gen.parts import Parts
from components.statistics_gen.statistics_files import OVERLAP_FILE, Overlap
from files import tfrecords, writing
from files.strict_json import text_of

_DIGEST_BYTES = 8  # Of 100 million images, any two look alike with a chance of 0.03%.


@dataclass(frozen=True)
class DigestsOf:
    """Maps the path of a TFRecord file to (distinct images,) uint64, a digest of each."""

    image_feature: str

    def __call__(self, path: str) -> np.ndarray:
        decoder, found = example_coder.ExamplesToRecordBatchDecoder(), set()
        for _, records in tfrecords.batches(path, MAX_BATCH_RECORDS, next_step=NEXT_STEP):
            batch = decoder.DecodeBatch(records)
            if self.image_feature not in batch.schema.names:
                continue
            images = batch.column(self.image_feature)
            if images.type == pa.large_list(pa.large_binary()):
                found.update(_digest(image.as_buffer()) for image in images.flatten())
        return np.frombuffer(b"".join(sorted(found)), np.uint64)


def _digest(image) -> bytes:
    return hashlib.blake2b(image, digest_size=_DIGEST_BYTES).digest()


def write(
    uri: str,
    parts: Parts,
    image_feature: str,
    engine: Engine | None = None,
    names: Mapping[tuple[str, str], Sequence[str]] | None = None,
) -> None:
    """Writes, for each two splits that share images, how many different ones.

    Args:
      uri: the folder of the statistics.
      parts: the TFRecord files of each split.
      engine: which reads; None reads in this process.
      names: of two splits, the names of some images that they share, as far as they are known.
    """
    work, folder = DigestsOf(image_feature), os.path.join(uri, "shards")

    def digests_of(paths: Sequence[str]) -> np.ndarray:
        return np.unique(np.concatenate([*run_shards(work, paths, folder, engine)]))

    try:
        digests = {
            split: np.unique(
                np.concatenate(parts.gathered(split, digests_of, "images", image_feature))
            )
            for split in parts.shards
        }
    finally:
        writing.remove(folder)
    shared = []
    for one, other in itertools.combinations(digests, 2):
        count = len(np.intersect1d(digests[one], digests[other], assume_unique=True))
        if count:
            shared.append(Overlap(one, other, count, list((names or {}).get((one, other), ()))))
    writing.write(os.path.join(uri, OVERLAP_FILE), text_of(shared))
