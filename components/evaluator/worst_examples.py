"""The examples that a model answers worst, gathered while its answers are counted.

At most MOST are kept of a shard, and of all shards together, so memory does not grow with the
data. Which examples they are, and their order, does not depend on how the data is cut into
batches or spread over workers.
"""

import hashlib
import heapq
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.evaluator.reading import WORST_EXAMPLES_FILE
from files import writing

MOST = 12
_DIGITS = 6  # Losses of the same example in batches of other sizes agree so far.

_STARTS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
}


@dataclass(frozen=True)
class WorstExample:
    """An example, how badly it is answered, and what is shown of it."""

    badness: float  # the higher the worse
    digest: str  # of the serialized Example; orders what is equally bad
    file: str  # name of the shard
    record: int  # position in it, from 0
    facts: Mapping[str, float | str]
    pictures: Mapping[str, bytes]  # "image" and others, encoded

    @property
    def rank(self) -> tuple[float, str, str, int]:
        """Sorts the worst to the front."""
        return (-self.badness, self.digest, self.file, self.record)


def worst_of(examples: Iterable[WorstExample]) -> list[WorstExample]:
    """The MOST worst ones, the worst first."""
    return heapq.nsmallest(MOST, examples, key=lambda example: example.rank)


def offer(
    worst: Sequence[WorstExample],
    badness: np.ndarray,
    serialized: Callable[[int], bytes],
    place: Callable[[int], tuple[str, int]],
    show: Callable[[int], tuple[Mapping, Mapping[str, bytes]]],
) -> list[WorstExample]:
    """The worst of those already known and of a batch.

    Args:
      worst: what is known, the worst first, at most MOST.
      badness: (batch,) float; only finite numbers are eligible.
      serialized: position in the batch to the serialized Example.
      place: position in the batch to the shard's name and the record in it.
      show: position in the batch to facts and pictures; called only for what is kept.
    """
    finite = np.isfinite(badness)
    badness = np.round(np.where(finite, badness, 0.0), _DIGITS)
    full = len(worst) == MOST
    eligible = finite & (badness >= worst[-1].badness) if full else finite
    ranks = sorted(
        (-float(badness[i]), hashlib.sha256(serialized(i)).hexdigest(), *place(i), i)
        for i in map(int, np.flatnonzero(eligible))
    )[:MOST]
    entering = [
        WorstExample(-rank[0], *rank[1:4], *show(rank[4]))
        for rank in ranks
        if not full or rank[:4] < worst[-1].rank
    ]
    return worst_of([*worst, *entering]) if entering else list(worst)


def suffix(encoded: bytes) -> str:
    """The file's ending for an image in a format that browsers show, or ""."""
    return next((end for start, end in _STARTS.items() if encoded.startswith(start)), "")


def write(examples: Sequence[WorstExample], uri: str) -> None:
    """Writes worst_examples.json, and the pictures it names beside it."""
    entries = []
    for number, example in enumerate(examples):
        names = {}
        for kind, encoded in example.pictures.items():
            part = "" if kind == "image" else f"_{kind}"
            names[kind] = f"worst/{number:02d}{part}{suffix(encoded)}"
            writing.write(os.path.join(uri, names[kind]), encoded)
        where = {"file": example.file, "record": example.record}
        entries.append(names | where | dict(example.facts))
    writing.write(os.path.join(uri, WORST_EXAMPLES_FILE), json.dumps(entries, indent=2))
