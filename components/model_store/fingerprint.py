"""Tells whether two SavedModels are the same, by their content."""

import hashlib
import os

from components.model_store.copying import model_files
from components.model_store.layout import RECORD
from files.content import sha256


def model_fingerprint(folder: str) -> str:
    """A hash over names and contents of a SavedModel's files.

    The push record and the modification times do not count, so a model has the
    same fingerprint in the pipeline root and in the push destination.

    Args:
      folder: the folder that holds saved_model.pb.

    Returns:
      64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in model_files(folder):
        if path == RECORD:
            continue
        content = sha256(os.path.join(folder, path))
        digest.update(path.encode() + b"\0" + bytes.fromhex(content))
    return digest.hexdigest()
