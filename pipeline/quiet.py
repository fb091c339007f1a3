"""Keeps the libraries' output off the screen, and a screen that is gone from ending the work.

TensorFlow, Beam and absl write to the file descriptors themselves, also from C++, so the
descriptors are redirected.
"""

import contextlib
import io
import logging
import os
import sys

from pipeline.program import LOG_FORMAT


@contextlib.contextmanager
def chatter_to(log):
    """Sends stdout, stderr and logging to the file `log`; yields the screen, a text file."""
    handler = logging.StreamHandler(open(log, "a", encoding="utf-8"))  # noqa: SIM115
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    root = logging.getLogger()
    level = root.level
    with (
        handler.stream,
        open(log, "ab", buffering=0) as file,
        _screen(1, sys.stdout) as screen,
        _redirected(1, sys.stdout, file),
        _redirected(2, sys.stderr, file),
    ):
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            yield screen
        finally:
            root.removeHandler(handler)
            root.setLevel(level)


@contextlib.contextmanager
def chatter_away():
    """Drops stderr and logging, for verbs without a log; yields the screen's stderr."""
    with (
        _screen(2, sys.stderr) as screen,
        open(os.devnull, "wb") as nowhere,
        _redirected(2, sys.stderr, nowhere),
    ):
        yield screen


@contextlib.contextmanager
def unread_at_worst():
    """Drops what is printed and cannot be written, for what is to outlive its terminal or pipe."""
    with _screen(1, sys.stdout) as screen, contextlib.redirect_stdout(screen):
        yield


def _screen(descriptor, like):
    """A text file over a copy of a descriptor; letters outside its encoding are escaped."""
    return io.TextIOWrapper(
        io.BufferedWriter(_Screen(os.dup(descriptor), "w")),
        encoding=like.encoding or "utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


class _Screen(io.FileIO):
    """A screen whose reader may go, or whose disk be full for an hour: the work goes on."""

    def write(self, data):
        try:
            return super().write(data)
        except OSError:
            return len(data)


@contextlib.contextmanager
def _redirected(descriptor, stream, file):
    """Sends what is written to a descriptor, and through the stream over it, to a file."""
    stream.flush()
    kept = os.dup(descriptor)
    os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        stream.flush()
        os.dup2(kept, descriptor)
        os.close(kept)
