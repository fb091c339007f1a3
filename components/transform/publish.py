"""Files and folders get their names when they are whole and on disk, never before."""

import os

import tensorflow as tf


def file(partial: str, target: str) -> None:
    """Gives a finished file its name."""
    _sync(partial)
    tf.io.gfile.rename(partial, target, overwrite=True)


def folder(partial: str, target: str, last: str) -> None:
    """Moves everything in `partial` to `target`, the entry named `last` at the end.

    Who finds `last` in `target` finds all the rest.
    """
    for place, _, names in tf.io.gfile.walk(partial):
        for name in names:
            _sync(os.path.join(place, name))
    tf.io.gfile.makedirs(target)
    # gfile may end the names of folders with a slash.
    entries = [entry.rstrip("/") for entry in tf.io.gfile.listdir(partial)]
    for entry in sorted(entries, key=lambda name: name == last):
        tf.io.gfile.rename(f"{partial}/{entry}", f"{target}/{entry}", overwrite=True)


def _sync(path: str) -> None:
    """Waits until a local file is on disk; object stores hold a file once it is closed."""
    if os.path.isfile(path):
        with open(path, "rb") as opened:
            os.fsync(opened.fileno())
