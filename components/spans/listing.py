"""What a store says of its objects, as a fingerprint of data in buckets that costs no reading.

Its checksums change with the content. The listing may change while the content stays the same, as
by a file that no Example is made of; then the data counts as changed.
"""

import hashlib
from collections.abc import Iterable

from components.spans.window import chosen, of_span
from files.strict_json import text_of
from settings.spans import Spanned

_BEGIN = "listing "
_NEXT_STEP = "Correct this and run again."


def listing_of(source: Spanned) -> str:
    """`listing <64 hexadecimal digits>` of the source, or of the spans in its window.

    "" where a part of the data lies in no bucket.

    Raises:
      Failure: a bucket cannot be read, or as `chosen`.
    """
    if not source.addresses:
        return ""
    digest = hashlib.sha256()
    if not source.has_spans:
        _add(digest, source.addresses)
        return _BEGIN + digest.hexdigest()
    for place in chosen(source):
        digest.update(text_of([place.span, place.version]).encode())
        _add(digest, of_span(source, place).addresses)
    return _BEGIN + digest.hexdigest()


def is_listing(fingerprint: str) -> bool:
    return fingerprint.startswith(_BEGIN)


def _add(digest, addresses: Iterable[str]) -> None:
    from files import places
    from files.buckets import objects  # Only a bucket needs it.

    for address in addresses:
        with places.reading(address, _NEXT_STEP):
            found = False
            for one in objects.listing(address):
                found = True
                digest.update(text_of(one).encode())
            if not found:  # It may be a single object.
                digest.update(text_of(objects.head(address)).encode())
