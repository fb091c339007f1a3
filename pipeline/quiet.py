"""Keeps the libraries' output off the screen.

TensorFlow, Beam and absl write to the file descriptors themselves, also from C++, so the
descriptors are redirected.
"""

import contextlib
import logging
import os
import sys


@contextlib.contextmanager
def chatter_to(log):
    """Sends stdout, stderr and logging to the file `log`; yields the screen, a text file."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open(log, "ab", buffering=0) as file:
        kept = [os.dup(1), os.dup(2)]
        screen = _screen(os.dup(1), sys.stdout)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        handler = logging.StreamHandler(open(log, "a", encoding="utf-8"))  # noqa: SIM115
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            yield screen
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            for descriptor in kept:
                os.close(descriptor)
            root.removeHandler(handler)
            root.setLevel(level)
            handler.stream.close()
            screen.close()


@contextlib.contextmanager
def chatter_away():
    """Drops stderr and logging, for verbs without a log; yields the screen's stderr."""
    sys.stderr.flush()
    with (
        _screen(os.dup(2), sys.stderr) as screen,
        open(os.devnull, "wb") as nowhere,
    ):
        os.dup2(nowhere.fileno(), 2)
        try:
            yield screen
        finally:
            sys.stderr.flush()
            screen.flush()
            os.dup2(screen.fileno(), 2)


def _screen(descriptor, like):
    """A text file over a descriptor; letters outside its encoding are escaped."""
    encoding = like.encoding or "utf-8"
    return os.fdopen(descriptor, "w", encoding=encoding, errors="backslashreplace")
