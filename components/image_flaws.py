"""Says what is wrong with an image that TensorFlow cannot decode, in a user's words.

TensorFlow's own name a format that is refused (JPEG XL), one kind for another, or only sizes.
"""

import re

from components.image_files import HEAD, KINDS, is_whole, kind_of, other_kind

# How a picture that is not read is refused, in the message of the error.
REFUSAL = re.compile(r"This is an? [^\[\]]*? Save it as a PNG")
_UNKNOWN = f"This is not a {KINDS}"
_WORDS = (
    (re.compile(r"Unknown image file format.*"), _UNKNOWN),
    (re.compile(r"Input is empty.*"), "This is an empty image"),
    (re.compile(r"Invalid (JPEG|PNG|GIF) data.*"), r"This is a damaged \1"),
    (re.compile(r"Input size should match .*"), "This is a damaged BMP"),
    (re.compile(r"Failed to decode WebP.*"), "This is a damaged WebP"),
)


def in_words(said: str) -> str:
    """TensorFlow's line in other words, where it is one of a decoder; without a full stop."""
    for pattern, words in _WORDS:
        if found := pattern.search(said):
            return found.expand(words)
    return said.rstrip(".")


def flaw_of(image: bytes, said: str) -> str:
    """What is wrong with an image, as its bytes show it, or else as TensorFlow said."""
    if refusal := REFUSAL.search(said):
        return refusal[0]
    if not image:
        return "This is an empty image"
    kind = kind_of(image[:HEAD])
    if not kind:
        other = other_kind(image[:HEAD])
        return f"This is {other}, which is not read. Save it as a PNG" if other else _UNKNOWN
    if not is_whole(image, kind):
        return f"This is a {kind} that is cut off"
    return in_words(said)
