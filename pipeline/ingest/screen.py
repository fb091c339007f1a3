"""What a person sees while messages are read: how many, how fast, and how many are left."""

import sys
import time
from collections.abc import Mapping
from typing import Self

from rich.console import Console
from rich.markup import escape

_LINE_SECONDS = 10.0  # between two lines in a log
_MOVE_SECONDS = 0.25  # between two changes of the line on a terminal


class Screen:
    """Prints lines, and between them one that moves, on a terminal, or one every ten seconds."""

    def __init__(self):
        self._console = Console(file=sys.stdout, highlight=False)
        self._moving = self._console.status("") if self._console.is_terminal else None
        self._pause = _MOVE_SECONDS if self._moving else _LINE_SECONDS
        self._shown = 0, time.monotonic()

    def __enter__(self) -> Self:
        if self._moving:
            self._moving.start()
        return self

    def __exit__(self, *_) -> None:
        if self._moving:
            self._moving.stop()

    def say(self, line: str) -> None:
        self._console.print(escape(line), soft_wrap=True)

    def show(self, name: str, writer, lag) -> None:
        """Shows how far a span is, where it is time to.

        Args:
          writer: with its numbers of `messages`, `bytes` and `dead_letters`.
          lag: a function that counts what is still to be read.
        """
        then, now = self._shown, time.monotonic()
        if now - then[1] < self._pause:
            return
        self._shown = writer.messages, now
        rate = max(0, writer.messages - then[0]) / (now - then[1])
        line = f"{name}: {counted(writer)}, {rate:,.0f} messages/s, lag {lag():,}"
        if self._moving:
            self._moving.update(escape(line))
        else:
            self.say(line)
            self._console.file.flush()


def counted(writer) -> str:
    """The numbers of a span, as in "12 messages, 0.1 MB, 2 dead letters (2 broken)"."""
    letters = writer.dead_letters
    words = [f"{writer.messages:,} messages", f"{writer.bytes / 1e6:,.1f} MB"]
    if letters:
        words.append(f"{sum(letters.values()):,} dead letters ({by_kind(letters)})")
    return ", ".join(words)


def by_kind(letters: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in sorted(letters.items()))
