"""What is in a file, as a short hash: a path alone does not tell that a file has changed."""

import hashlib


def content_hash(path: str | None) -> str:
    """16 hexadecimal digits; "" where there is no such file, or none is named."""
    if not isinstance(path, str):
        return ""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except (OSError, ValueError):
        return ""
