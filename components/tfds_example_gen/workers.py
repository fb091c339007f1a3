"""Writes all shards of a run, several at once: in threads, or on the workers of an engine."""

import functools
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from components.engine import Engine
from components.examples.shards import all_or_none
from components.examples.shards import write_all as write_shards
from components.tfds_example_gen import shards
from components.tfds_example_gen.splits import TFRECORD, Shard
from components.usable_cores import usable_cores
from files import tfrecords


def write_all(
    work: Sequence[Shard], uri: str, engine: Engine | None = None
) -> list[Counter[str | None]]:
    """Writes shards; where it fails, nothing of any is left.

    Args:
        work: What to write. Their folders are emptied first.
        uri: Folder of the artifact.
        engine: Which writes; None for threads.

    Returns:
        Of each, what `shards.write` returned.

    Raises:
        Failure: A record cannot be read, or a file cannot be written.
    """
    with all_or_none([shard.path for shard in work]):
        with ThreadPoolExecutor(usable_cores()) as pool:
            placed = list(zip(work, _offsets(work, pool), strict=True))
        return write_shards(_write, placed, uri, engine)


def _write(placed: tuple[Shard, int]) -> Counter[str | None]:
    return shards.write(*placed)


def _offsets(work: Sequence[Shard], pool: Executor) -> list[int]:
    """Returns at which byte the records of each shard begin; each source is walked once."""
    skips = defaultdict(set)
    for shard in work:
        if shard.file_format == TFRECORD:
            skips[shard.piece.path].add(shard.piece.skip)
    find = functools.partial(tfrecords.offsets, next_step=shards.NEXT_STEP)
    found = dict(zip(skips, pool.map(find, skips, skips.values()), strict=True))
    return [found.get(one.piece.path, {}).get(one.piece.skip, 0) for one in work]
