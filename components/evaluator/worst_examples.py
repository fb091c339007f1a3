"""The examples that a model answers worst, gathered while its answers are counted.

At most MOST are kept of a shard, and of all shards together, so memory does not grow with the
data. Which examples they are, and their order, does not depend on how the data is cut into
batches or spread over workers.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from components.evaluator.plan import ShardBatch
from components.evaluator.reading import WORST_EXAMPLES_FILE, WorstExample
from files import writing
from files.strict_json import text_of

MOST = 12
_DIGITS = 6  # Losses of the same example in batches of other sizes agree so far.

_STARTS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
}

# (-badness, the serialized Example's digest, file, record), which sorts the worst to the front.
Rank = tuple[float, str, str, int]
Ranked = tuple[Rank, WorstExample]


def worst_of(examples: Iterable[Ranked]) -> list[Ranked]:
    """The MOST worst ones, the worst first."""
    return sorted(examples, key=lambda ranked: ranked[0])[:MOST]


def offer(
    worst: Sequence[Ranked],
    badness: np.ndarray,
    batch: ShardBatch,
    show: Callable[[int], tuple[Mapping, Mapping[str, bytes]]],
) -> list[Ranked]:
    """The worst of those already known and of a batch.

    Args:
      worst: what is known, the worst first, at most MOST.
      badness: (batch,) float; only finite numbers are eligible.
      batch: the examples.
      show: position in the batch to facts and pictures; called only for what is kept.
    """
    finite = np.isfinite(badness)
    badness = np.round(np.where(finite, badness, 0.0), _DIGITS)
    last = worst[-1][0] if len(worst) == MOST else (np.inf,)
    ranks = []
    for i in np.flatnonzero(finite & (-badness <= last[0])).tolist():
        digest = hashlib.sha256(batch.serialized[i]).hexdigest()
        ranks.append(((-float(badness[i]), digest, batch.file, batch.records[i]), i))
    entering = [(rank, i) for rank, i in sorted(ranks)[:MOST] if rank < last]
    return worst_of([*worst, *((rank, WorstExample(*rank[2:], *show(i))) for rank, i in entering)])


def suffix(encoded: bytes) -> str:
    """The file's ending for an image in a format that browsers show, or ""."""
    return next((end for start, end in _STARTS.items() if encoded.startswith(start)), "")


def write(worst: Sequence[Ranked], uri: str) -> None:
    """Writes worst_examples.json, and the pictures it names beside it."""
    entries = []
    for number, (_, example) in enumerate(worst):
        names = {}
        for kind, encoded in example.pictures.items():
            part = "" if kind == "image" else f"_{kind}"
            names[kind] = f"worst/{number:02d}{part}{suffix(encoded)}"
            writing.write(os.path.join(uri, names[kind]), encoded)
        where = {"file": example.file, "record": example.record}
        entries.append(names | where | dict(example.facts))
    writing.write(os.path.join(uri, WORST_EXAMPLES_FILE), text_of(entries, indent=2))
