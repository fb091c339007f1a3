"""`python -m pipeline ingest`: writes what is new in a topic as the next span."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

from components.tfrecords_example_gen.example_check import Kinds
from failures import Failure
from files.writing import whole_folder
from pipeline.ingest.messages import DeadLetter, ExampleMessages, ImageMessages
from pipeline.ingest.reader import Reader, start
from pipeline.ingest.screen import Screen, by_kind, counted
from pipeline.ingest.span_folder import Manifest, SpanFolders, SpanWriter, reporting
from pipeline.ingest.topic import Topic, Unreadable
from pipeline.quiet import unread_at_worst
from settings.configuration import Configuration
from settings.ingest import Ingest

_HINT_SECONDS = 5.0
# Dead letters of a span that has nothing else: by then something is wrong, and a disk would fill.
_MOST_LETTERS, _MOST_LETTERS_BYTES = 100_000, 4e9
# Between the threads that read and write: Python's own, 5 ms, is as long as a batch takes.
_SWITCH_SECONDS = 0.0002


class _NoExamples(Exception):
    """A span without examples could not be read, so it is not published."""


class _Stop:
    """Whether SIGTERM or Ctrl-C has asked to end, where that is `gentle`; else it interrupts."""

    def __init__(self):
        self.asked = self.gentle = False

    def __call__(self, *_) -> None:
        if self.asked or not self.gentle:
            raise KeyboardInterrupt
        self.asked = True


def ingest(configuration: Configuration, follow: bool = False, accept_loss: bool = False) -> None:
    """Reads from where the last span ends to the ends that the topic has by now.

    Args:
      configuration: with a section `ingest`.
      follow: whether to go on with what comes, and to cut spans, until SIGTERM or Ctrl-C.
      accept_loss: whether to go on behind messages that the topic has dropped.

    Raises:
      Failure: another process ingests there; the topic cannot be read or a span not be written;
        with `follow`, the messages that fill a span are all dead letters.
      ConfigurationError: a file or variable that the section names is missing.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    keys = configuration.ingest
    spans = SpanFolders(configuration.data.path)
    group = keys.group or configuration.name
    with (
        unread_at_worst(),
        Screen() as screen,
        _signals() as stop,
        spans.hold(),
        Topic(keys, group) as topic,
    ):
        spans.remove_unfinished()
        number, last = spans.newest()
        begin = start(topic, last, accept_loss)
        cluster, _ = topic.look()
        reader = Reader(topic, begin.positions, None if follow else begin.ends)
        messages = _messages(configuration, last.kinds if last else Kinds())
        span = _Span(keys, reader, messages, screen, stop)
        lost = begin.lost
        if reader.is_done:
            since = f"is new in topic {topic.name!r} since {last.path}" if last else "is there yet"
            screen.say(f"Nothing {since}.")
        stop.gentle = follow  # to the end: what has been read becomes a span
        while not (reader.is_done or stop.asked):
            number += 1
            manifest = Manifest(spans.path_of(number), topic.name, cluster, {}, messages.kinds)
            if not span.write(manifest, number, lost, follow):
                break
            lost = {}
            topic.hint(reader.positions, 0 if follow else _HINT_SECONDS)


def _messages(configuration: Configuration, kinds: Kinds) -> ImageMessages | ExampleMessages:
    keys, data = configuration.ingest, configuration.data
    if keys.value == "image":
        return ImageMessages(keys, data.features)
    return ExampleMessages(data.features, data.class_names, kinds)


class _Span:
    """Writes one span after the other."""

    def __init__(self, keys: Ingest, reader: Reader, messages, screen: Screen, stop: _Stop):
        self._keys, self._reader, self._messages = keys, reader, messages
        self._screen, self._stop = screen, stop

    def write(self, manifest: Manifest, number: int, lost, follow: bool) -> bool:
        """Writes a span and publishes it; whether it was, as it has examples."""
        began = time.monotonic()
        with contextlib.suppress(_NoExamples):
            with (
                reporting(manifest.path),
                whole_folder(manifest.path) as folder,
                contextlib.closing(SpanWriter(folder)) as writer,
            ):
                self._fill(writer, os.path.basename(manifest.path), follow)
                if not writer.examples:
                    raise _NoExamples
                writer.finish(self._complete(manifest), number, lost)
            seconds = time.monotonic() - began
            rate = writer.messages / max(seconds, 1e-3)
            self._screen.say(
                f"{manifest.path}: {counted(writer)}; {seconds:,.1f} s, {rate:,.0f} messages/s, "
                f"lag {self._reader.lag:,}"
            )
            self._reader.begin_span()
            return True
        if writer.messages:
            self._screen.say(
                f"None of the {writer.messages:,} new messages is an example "
                f"({by_kind(writer.dead_letters)}); they are read again with the next ones."
            )
        return False

    def _fill(self, writer: SpanWriter, name: str, follow: bool) -> None:
        reader, record = self._reader, self._messages.record
        for most in self._room(writer) if follow else _all(reader):
            try:
                found = reader.read(most)
            except Unreadable:
                if not writer.examples:
                    raise
                return  # What came before becomes a span; the next one begins with this again.
            for message in found:
                try:
                    writer.add(record(message), len(message))
                except DeadLetter as why:
                    writer.set_aside(message, why)
            self._screen.show(name, writer, lambda: reader.lag)

    def _room(self, writer: SpanWriter) -> Iterator[int]:
        """How many more messages a span takes, until it is to end.

        Raises:
          Failure: it is full of dead letters alone, however small a full span is.
        """
        keys, since = self._keys, None
        while not self._stop.asked:
            if writer.messages and since is None:
                since = time.monotonic()
            is_full = writer.messages >= keys.span_messages or writer.bytes >= keys.span_mb * 1e6
            is_due = since is not None and time.monotonic() - since >= keys.span_seconds
            if (is_full or is_due) and writer.examples:
                return
            if is_full and self._wants_no_more(writer):
                raise Failure(
                    f"None of the {writer.messages:,} messages that fill a span is an example "
                    f"({by_kind(writer.dead_letters)}). Correct the section ingest or what "
                    f"writes to topic {keys.topic!r}; or, to read on to where examples come, raise "
                    "ingest.span_messages and ingest.span_mb."
                )
            yield max(1, keys.span_messages - writer.messages)

    @staticmethod
    def _wants_no_more(writer: SpanWriter) -> bool:
        return writer.messages >= _MOST_LETTERS or writer.bytes >= _MOST_LETTERS_BYTES

    def _complete(self, manifest: Manifest) -> Manifest:
        reader = self._reader
        partitions = {p: (reader.began[p], at) for p, at in sorted(reader.positions.items())}
        return manifest._replace(partitions=partitions, kinds=self._messages.kinds)


def _all(reader: Reader) -> Iterator[int]:
    while not reader.is_done:
        yield 1 << 30


@contextlib.contextmanager
def _signals() -> Iterator[_Stop]:
    stop = _Stop()
    before: dict[int, Callable] = {
        number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
