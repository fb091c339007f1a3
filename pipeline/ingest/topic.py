"""A topic, read from given offsets on; whatever goes wrong with it is one line.

The partitions are assigned and not subscribed to: no group decides what is read, so there is
nothing to rebalance.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from failures import Failure
from pipeline.ingest.client import client_settings
from settings.ingest import Ingest

_TRY_SECONDS = 1.0
_UNKNOWN = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
_UNKNOWN_SECONDS = 5.0  # Brokers that have just started do not know their topics yet.
_NO_ENTRY = (
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
)
_GONE = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
# librdkafka passes such messages over, or asks for them for ever.
_UNREADABLE = (
    KafkaError._BAD_MSG,
    KafkaError._BAD_COMPRESSION,
    KafkaError._NOT_IMPLEMENTED,  # a codec or a format that it does not know
    KafkaError.INVALID_MSG,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
)
# librdkafka's own log would go to the screen; what matters of it comes as errors.
_SILENT = logging.Logger("librdkafka")
_SILENT.addHandler(logging.NullHandler())


class Unreadable(Failure):
    """A message cannot be read, and all that came before it has been."""


class Topic:
    """A consumer of all partitions of a topic."""

    def __init__(self, ingest: Ingest, group: str):
        self._ingest, self.name = ingest, ingest.topic
        self._errors: list[KafkaError] = []  # the last ones
        self._unreadable: Unreadable | None = None
        self._is_reading = self._is_committed = False
        settings = client_settings(ingest, group)
        settings |= {"error_cb": self._note, "on_commit": self._committed}
        try:
            self._consumer = Consumer(settings, logger=_SILENT)
        except KafkaException as error:
            self._fail(error.args[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self._consumer.close()

    def look(self) -> tuple[str | None, list[int]]:
        """The cluster's id and the numbers of the topic's partitions.

        Raises:
          Failure: no broker lets it in within the time, or there is no such topic.
        """
        unknown_since = None

        def ask():
            nonlocal unknown_since
            found = self._consumer.list_topics(self.name, timeout=_TRY_SECONDS)
            topic = found.topics[self.name]
            if topic.error is not None and topic.error.code() in _UNKNOWN:
                unknown_since = unknown_since or time.monotonic()
                if time.monotonic() - unknown_since > min(_UNKNOWN_SECONDS, self.patience / 2):
                    self._fail(topic.error)
            if topic.error is not None:
                raise KafkaException(topic.error)
            return found.cluster_id, sorted(topic.partitions)

        return self._insisting(ask)

    def bounds(self, partition: int) -> tuple[int, int]:
        """The first offset that the brokers hold, and the one behind the last that can be read."""
        place = TopicPartition(self.name, partition)
        return self._insisting(
            lambda: self._consumer.get_watermark_offsets(place, timeout=_TRY_SECONDS)
        )

    def start(self, positions: Mapping[int, int]) -> None:
        """Begins to read these partitions at these offsets, besides what is read already."""
        self._is_reading = True
        self._consumer.incremental_assign(self._places(positions))

    def stop(self, partitions: Collection[int]) -> None:
        """Reads no more of these partitions."""
        self._consumer.incremental_unassign([TopicPartition(self.name, p) for p in partitions])

    def read(self, most: int, seconds: float) -> list[Message]:
        """The next messages, at most this many, of those that come within the time.

        An end of a partition is among them, with `_PARTITION_EOF` as its error and the offset
        behind all before it.

        Raises:
          Unreadable: the next message cannot be read; from then on each call raises it.
          Failure: brokers have dropped what comes next, refuse to go on, or lost the topic.
        """
        found = [] if self._unreadable else self._consumer.consume(most, seconds)
        if any(message.error() is not None for message in found):
            found = self._usable(found)
        if self._unreadable and not found:
            raise self._unreadable
        refused = [error for error in self._errors if error.code() in _NO_ENTRY]
        if refused:
            self._fail(refused[-1])
        return found

    def _usable(self, found: Sequence[Message]) -> list[Message]:
        """Those that are of use, up to the first that cannot be read."""
        usable = []
        for message in found:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                usable.append(message)
            elif error.code() in _UNREADABLE:
                self._unreadable = Unreadable(
                    f"Topic {self.name!r} cannot be read at offset {message.offset():,} of "
                    f"partition {message.partition()}: {_text(error)}. Run again, as the network "
                    "may have damaged it. If it stays so, restore the batch that begins there "
                    "from another replica, or delete the records up to the batch's end "
                    "(kafka-delete-records.sh) and run `ingest --accept-loss`."
                )
                break
            elif error.code() in _UNKNOWN:
                self.look()
            elif error.code() in (*_NO_ENTRY, *_GONE) or error.fatal():
                self._fail(error)
        return usable

    def known_end(self, partition: int) -> int:
        """The end as the last answer of the brokers had it; -1 where none has come yet."""
        place = TopicPartition(self.name, partition)
        return self._consumer.get_watermark_offsets(place, cached=True)[1]

    def hint(self, positions: Mapping[int, int], wait_seconds: float = 0.0) -> None:
        """Commits offsets for those who watch the group's lag; whether it works does not matter.

        Args:
          wait_seconds: how long to wait for it at the end, when nothing is read any more.
        """
        self._is_committed = False
        try:
            self._consumer.commit(offsets=self._places(positions), asynchronous=True)
        except KafkaException:
            return
        until = time.monotonic() + wait_seconds
        while not self._is_committed and time.monotonic() < until:
            self._consumer.poll(0.05)

    def no_answer(self) -> NoReturn:
        """Raises the Failure of brokers that do not answer within the time."""
        telling = [e for e in self._errors if e.code() != KafkaError._ALL_BROKERS_DOWN]
        cause = f" ({_text(telling[-1])})" if telling else ""
        raise Failure(
            f"{self._where} do not answer within {self.patience:g} s{cause}. Start them or "
            "correct ingest.brokers and ingest.security, then run again."
        )

    @property
    def _where(self) -> str:
        return f"The Kafka brokers {', '.join(self._ingest.brokers)}"

    @property
    def patience(self) -> float:
        """Seconds that brokers have for an answer."""
        return self._ingest.timeout_seconds

    def _insisting(self, ask: Callable[[], Any]) -> Any:
        """What `ask` returns, once brokers answer."""
        until = time.monotonic() + self.patience
        while True:
            began = time.monotonic()
            try:
                answer = ask()
                self._errors.clear()
                return answer
            except KafkaException as error:
                self._note(error.args[0], is_telling=not self._errors)
            if not self._is_reading:  # Else it would take a message away.
                self._consumer.poll(0)
            for error in self._errors:
                if error.code() in (*_NO_ENTRY, KafkaError._SSL):
                    self._fail(error)
            if time.monotonic() > until:
                self.no_answer()
            time.sleep(max(0.0, min(0.2, began + 0.2 - time.monotonic())))

    def _note(self, error: KafkaError, is_telling: bool = True) -> None:
        if is_telling:
            self._errors = [*self._errors, error][-10:]

    def _committed(self, *_) -> None:
        self._is_committed = True

    def _fail(self, error: KafkaError) -> NoReturn:
        code = error.code()
        if code in _UNKNOWN:
            raise Failure(
                f"{self._where} have no topic {self.name!r}. Correct ingest.topic, or create it."
            )
        if code in _GONE:
            raise Failure(
                f"Topic {self.name!r} has dropped messages before they were read. Run again: "
                "`ingest` then says how many."
            )
        if code == KafkaError._SSL:
            raise Failure(
                f"{self._where}: TLS failed: {_text(error)}. Correct ingest.brokers and "
                "ingest.security."
            )
        if code in _NO_ENTRY:
            raise Failure(
                f"{self._where} refuse: {_text(error)}. Correct ingest.security and the variables "
                "that it names, or the permissions there."
            )
        raise Failure(f"{self._where}: {_text(error)}. Correct the section ingest, then run again.")

    def _places(self, positions: Mapping[int, int]) -> list[TopicPartition]:
        return [TopicPartition(self.name, partition, at) for partition, at in positions.items()]


def _text(error: KafkaError) -> str:
    lines = error.str().strip().splitlines() or [error.name()]
    return lines[0].rstrip(". :")[:300]
