"""Which training a checkpoint belongs to."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import augmentations
import models
from files.places import content_hash, files_below

_CODE = (Path(__file__).parent, *(Path(room.__file__).parent for room in (models, augmentations)))


def fingerprint(
    folders: Iterable[str], about: Mapping[str, Any], weights: str | None = None
) -> str:
    """64 hexadecimal digits that change with any input, any of `about`, and this code.

    Args:
      folders: the training's inputs. Names, sizes and times of their files stand for the content.
      about: JSON values.
      weights: a file to start from, by its content: each worker may have a copy of its own.
    """
    inputs = [os.path.join(folder, file) for folder in folders for file in files_below(folder)]
    content = {
        "about": dict(about),
        "weights": content_hash(weights),
        "versions": [keras.__version__, tf.__version__],
        "files": [_seen(file) for file in sorted(inputs)],
        # A changed model may well have weights of the same shapes as before.
        "code": [file.read_text() for room in _CODE for file in sorted(room.rglob("*.py"))],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _seen(file: str) -> tuple[str, int, int]:
    status = tf.io.gfile.stat(file)
    return file, status.length, status.mtime_nsec
