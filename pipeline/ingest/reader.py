"""Takes each message of a topic once, and knows how far it is."""

import math
import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import Message

from failures import Failure
from pipeline.ingest.span_folder import Manifest
from pipeline.ingest.topic import Topic

_WAIT_SECONDS = 0.2
_BATCH, _BATCH_BYTES = 500, 16 << 20  # most that is held at once, besides librdkafka's queue
_LOOK_SECONDS = 30.0  # between looks for new partitions


class Start(NamedTuple):
    """Where an ingest begins, by partition."""

    positions: dict[int, int]
    ends: dict[int, int]  # behind the last message that there is by now
    lost: dict[int, tuple[int, int]]  # offsets that the topic has dropped, and that are passed over


def start(topic: Topic, last: Manifest | None, accept_loss: bool = False) -> Start:
    """Where the last span ends; a partition that it does not have is read from its beginning.

    Args:
      accept_loss: whether to go on behind messages that the topic has dropped.

    Raises:
      Failure: there are such messages; the topic is another one than that of the last span.
    """
    cluster, partitions = topic.look()
    bounds = {partition: topic.bounds(partition) for partition in partitions}
    if last is None:
        firsts = {partition: low for partition, (low, _) in bounds.items()}
        return Start(firsts, _ends(bounds), {})
    _check_same(topic, cluster, last, bounds)
    positions, lost = {}, {}
    for partition, (low, _) in bounds.items():
        expected = last.ends.get(partition, 0)
        positions[partition] = max(low, expected)
        if low > expected:
            lost[partition] = (expected, low)
    if lost and not accept_loss:
        raise _lost(topic.name, lost, last.path)
    return Start(positions, _ends(bounds), lost)


def _ends(bounds: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    return {partition: high for partition, (_, high) in bounds.items()}


def _check_same(topic, cluster, last: Manifest, bounds) -> None:
    if last.topic != topic.name:
        raise Failure(
            f"{last.path} is of topic {last.topic!r}, and ingest.topic is {topic.name!r}. Name "
            "another folder in data.path, or the same topic."
        )
    if None not in (cluster, last.cluster) and cluster != last.cluster:
        raise Failure(
            f"{last.path} is of the Kafka cluster {last.cluster}, and ingest.brokers are of "
            f"{cluster}, whose offsets are others. Name another folder in data.path, or brokers "
            "of the same cluster."
        )
    for partition, end in last.ends.items():
        high = bounds.get(partition, (0, 0))[1]
        if high < end:
            raise Failure(
                f"Partition {partition} of topic {topic.name!r} ends at offset {high:,}, before "
                f"{end:,}, where {last.path} ends: the topic was recreated. Name another folder "
                "in data.path to read it from its beginning."
            )


def _lost(topic: str, lost: Mapping[int, tuple[int, int]], path: str) -> Failure:
    number = sum(end - first for first, end in lost.values())
    where = ", ".join(
        f"partition {partition}: offsets {first:,} to {end - 1:,}"
        for partition, (first, end) in sorted(lost.items())
    )
    return Failure(
        f"{number:,} messages of topic {topic!r} are lost: its retention dropped them after {path} "
        f"was written ({where}). To go on with those that are left, run "
        "`ingest --accept-loss`; to lose no more, ingest more often or raise retention.ms."
    )


class Reader:
    """Reads on in all partitions, up to fixed ends or for as long as it is asked to."""

    def __init__(self, topic: Topic, first: Mapping[int, int], ends: Mapping[int, int] | None):
        """`first` are the offsets to begin at; `ends` those before which to end; None: never."""
        self.positions = dict(first)  # of each partition, the offset that comes next
        self.began = dict(first)  # those where the span begins
        self._topic, self._ends, self._until = topic, ends, ends or {}
        self._open = {p for p, at in first.items() if ends is None or at < ends[p]}
        self._heard = self._looked = time.monotonic()
        self._mean_bytes = _BATCH_BYTES / 32
        topic.start({partition: first[partition] for partition in self._open})

    @property
    def is_done(self) -> bool:
        return not self._open and self._ends is not None

    @property
    def lag(self) -> int:
        """Offsets that are still to be read."""
        if self._ends is not None:
            return sum(self._ends[p] - at for p, at in self.positions.items())
        ends = {p: self._topic.known_end(p) for p in self.positions}
        return sum(max(0, ends[p] - at) for p, at in self.positions.items())

    def begin_span(self) -> None:
        self.began = dict(self.positions)

    def read(self, most: int) -> list[Message]:
        """The next messages, at most this many; none if none came within a moment.

        Raises:
          Failure: as `Topic.read`, or no broker has answered for the configured time.
        """
        most = max(1, min(most, _BATCH, int(_BATCH_BYTES / self._mean_bytes)))
        batch = self._topic.read(most, _WAIT_SECONDS)
        now = time.monotonic()
        if batch:
            self._heard = now
        elif self._ends is not None and now - self._heard > self._topic.patience:
            self._topic.no_answer()
        found = [message for message in batch if self._is_next(message)]
        if found:
            size = sum(map(len, found)) / len(found)
            self._mean_bytes += (max(1.0, size) - self._mean_bytes) / 4
        if self._ends is None and now - self._looked > _LOOK_SECONDS:
            self._add_partitions()
        return found

    def _is_next(self, message: Message) -> bool:
        """Whether it is a message that is not read yet; takes note of it."""
        partition, offset = message.partition(), message.offset()
        at, end = self.positions[partition], self._until.get(partition, math.inf)
        is_next = message.error() is None and at <= offset < end
        # Behind the last message may be marks of transactions, which are never delivered.
        reached = min(offset + is_next, end)
        if reached > at:
            self.positions[partition] = reached
        if reached == end and partition in self._open:
            self._open.remove(partition)
            self._topic.stop([partition])
        return is_next

    def _add_partitions(self) -> None:
        _, partitions = self._topic.look()
        self._looked = time.monotonic()
        new = [partition for partition in partitions if partition not in self.positions]
        lost = {}
        for partition in new:
            first, _ = self._topic.bounds(partition)
            self.positions[partition] = self.began[partition] = first
            if first:
                lost[partition] = (0, first)
        if lost:
            raise _lost(self._topic.name, lost, "the last span")
        if new:
            self._topic.start({partition: self.positions[partition] for partition in new})
