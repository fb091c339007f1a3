"""Which training a checkpoint belongs to."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import keras
import tensorflow as tf

from files import places
from files.content import content_hash


def fingerprint(files: Iterable[str], parameters: Mapping) -> str:
    """64 hexadecimal digits that change with any input, any parameter and this code.

    Args:
      files: the training's inputs. Their names, sizes and times stand for their content.
      parameters: JSON values; of "model_parameters", itself JSON, the weights' file is an
        input by its content, as each worker may have a copy of its own.
    """
    model = json.loads(parameters.get("model_parameters", "{}"))
    about = {
        "weights": content_hash(model.get("weights")),
        "parameters": dict(parameters),
        "versions": [keras.__version__, tf.__version__],
        "files": [_seen(file) for file in sorted(files)],
        # A changed model may well have weights of the same shapes as before.
        "code": [source.read_text() for source in sorted(Path(__file__).parent.rglob("*.py"))],
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def files_below(folders: Iterable[str]) -> list[str]:
    """The paths of all files in these folders and below."""
    return [os.path.join(top, file) for top in folders for file in places.files_below(top)]


def _seen(file: str) -> tuple[str, int, int]:
    status = tf.io.gfile.stat(file)
    return file, status.length, status.mtime_nsec
