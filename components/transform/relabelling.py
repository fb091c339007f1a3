"""Gives the labels of a transformed shard other numbers, where the classes alone have changed.

A class that comes or goes renumbers the labels of a whole window of spans. Their images stay as
they are, so they are not decoded again.
"""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from components.transform.encoding import FixedExample
from components.transform.job import Shard
from components.transform.labels import OUT_OF_VOCABULARY
from components.transform.shards import ShardResult
from files import tfrecords, writing


class Earlier(NamedTuple):
    """What a run with other classes made of a shard."""

    path: str  # the transformed examples
    vocabulary: bytes  # the file of the classes that it knew
    result: ShardResult  # with no label that it did not know


@dataclasses.dataclass(frozen=True)
class RelabelShard:
    """The work on a shard: `transform`, unless an earlier run has done all but the labels."""

    transform: Callable[[Shard], ShardResult]
    earlier: Mapping[str, Earlier]  # by the raw shard's path
    vocabulary: bytes
    forms: Mapping[str, int | str]  # of the examples, as for `FixedExample`

    def __call__(self, shard: Shard) -> ShardResult:
        found = self.earlier.get(shard.source)
        if found is None:
            return self.transform(shard)
        numbers = _numbers(found.vocabulary, self.vocabulary)
        form, checksums = FixedExample(self.forms), hashlib.sha256()
        with writing.large_file(shard.target) as file:
            for record in tfrecords.records(found.path):
                written = tfrecords.frame(form.renumbered(record, "label", numbers))
                file.write(written)
                checksums.update(written[tfrecords.CHECKSUM])
        targets = Counter()
        for label, count in found.result.targets.items():
            targets[numbers[label]] += count
        sha256 = checksums.hexdigest()
        return dataclasses.replace(found.result, targets=targets, sha256=sha256)


def _numbers(before: bytes, after: bytes) -> dict[int, int]:
    """{the number of each class before: its number after}."""
    known = {line: number for number, line in enumerate(after.splitlines())}
    return {
        number: known.get(line, OUT_OF_VOCABULARY)
        for number, line in enumerate(before.splitlines())
    }
