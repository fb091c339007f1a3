"""What is in a file, as a hash: a path alone does not show that the file has changed."""

import hashlib

from files.places import opened

_READ_BYTES = 4 << 20


def sha256(path) -> str:
    """64 hexadecimal digits of a file's whole content; the file is local or remote.

    Raises:
      OSError, or for a remote path tf.errors.OpError.
    """
    digest = hashlib.sha256()
    with opened(path) as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def content_hash(path: str | None) -> str:
    """16 hexadecimal digits; "" where there is no such local file, or none is named."""
    if not isinstance(path, str):
        return ""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except (OSError, ValueError):
        return ""
