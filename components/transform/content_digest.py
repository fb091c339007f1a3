"""What stands for all records of transformed examples: another one where any of them is."""

import hashlib
from collections.abc import Iterable

from files import writing

FILE = "content.sha256"


def write(uri: str, digests: Iterable[str]) -> None:
    """Writes the file beside the splits, from the digests of all shards, in their order.

    Raises Failure if it cannot be written.
    """
    content = hashlib.sha256("".join(digests).encode())
    writing.write(f"{uri}/{FILE}", content.hexdigest())
