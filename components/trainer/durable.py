"""Files that are there whole or not at all, whenever the process or the machine stops."""

import os

import tensorflow as tf

from failures import Failure

_DISK_ADVICE = "Free some space or make the folder writable, then run again."


def write_file(path: str, content: bytes) -> None:
    """Puts `content` at `path` in one step, replacing what was there.

    Raises:
      Failure: the disk is full, or the folder cannot be written.
    """
    unfinished = f"{path}.unfinished"
    try:
        tf.io.gfile.makedirs(os.path.dirname(path))
        with tf.io.gfile.GFile(unfinished, "wb") as file:
            file.write(content)
        _flush(unfinished)
        tf.io.gfile.rename(unfinished, path, overwrite=True)
        _flush(os.path.dirname(path))
    except (OSError, tf.errors.OpError) as error:
        remove(unfinished)
        raise not_written(path, error) from error


def remove(path: str) -> None:
    """Removes the file or folder `path`, if there is one."""
    if tf.io.gfile.isdir(path):
        tf.io.gfile.rmtree(path)
    elif tf.io.gfile.exists(path):
        tf.io.gfile.remove(path)


def publish_folder(unfinished: str, folder: str) -> None:
    """Gives the complete folder `unfinished` its name, in one step where a disk can do so."""
    for parent, _, files in tf.io.gfile.walk(unfinished):
        for file in files:
            _flush(os.path.join(parent, file))
        _flush(parent)
    tf.io.gfile.rename(unfinished, folder)
    _flush(os.path.dirname(folder))


def not_written(path: str, error: Exception) -> Failure:
    """What to tell the user when `path` could not be written."""
    if isinstance(error, OSError):
        cause = error.strerror or str(error)
    else:
        # TensorFlow puts the file before the cause and its operation behind.
        cause = str(error).strip().splitlines()[0].split("; ")[-1].split(" [Op:")[0]
    return Failure(f"{path} could not be written: {cause.rstrip('.')}. {_DISK_ADVICE}")


def _flush(path: str) -> None:
    """Onto the disk itself; a bucket has done so when its file was closed."""
    if not os.path.exists(path):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
