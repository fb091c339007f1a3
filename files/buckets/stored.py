"""What both kinds of stores say of their objects; needs nothing but Python."""

from typing import NamedTuple
from urllib.parse import urlsplit

CONNECTIONS = 32  # to a store at once


class Stored(NamedTuple):
    """An object as a store lists it."""

    key: str
    size: int  # bytes
    tag: str  # the store's own checksum, which changes with the content


class Page(NamedTuple):
    """A part of a listing, in the order of the keys."""

    objects: list[Stored]
    folders: list[str]  # prefixes that end in the delimiter
    after: str  # what asks for the next page; "" at the end


def host_of(url: str) -> str:
    """An endpoint for a message: a URL may carry a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if host else url.rpartition("@")[2]
