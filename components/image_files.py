"""What a file is by its content: which kind of image, and whether its end is there.

Nothing is decoded: that takes a hundred times longer, and Transform does it.
"""

import struct

KINDS = "JPEG, PNG, GIF, BMP or WebP"
HEAD = 12  # bytes that `kind_of` looks at
_BEGINNINGS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n": "PNG", b"GIF8": "GIF", b"BM": "BMP"}
_OTHERS = {
    "a TIFF": (b"II*\0", b"MM\0*"),
    "a JPEG 2000": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "a JPEG XL": (b"\0\0\0\x0cJXL ", b"\xff\x0a"),
    "a Photoshop document": (b"8BPS",),
    "a Windows icon": (b"\0\0\1\0",),
    "an SVG": (b"<svg",),
    "a PNM": tuple(b"P%d\n" % number for number in range(1, 8)),
    "a QOI": (b"qoif",),
}
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1")
_AVIF = (b"avif", b"avis")
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "WebP": (".webp",),
}
_PNG_END = b"IEND\xaeB\x60\x82"  # the last chunk's name, and its checksum
# A JPEG's markers; those without a length stand for no part: fillings and restarts.
_MARK, _SCAN, _END = 0xFF, 0xFFDA, b"\xff\xd9"
_FILLING = 0xFFFF
_WITHOUT_LENGTH = frozenset((0xFF00, 0xFF01, *range(0xFFD0, 0xFFD9)))
_marker_and_length = struct.Struct(">HH").unpack_from
_EXTENSION, _PICTURE = 0x21, 0x2C  # a GIF's blocks


def kind_of(head: bytes) -> str:
    """ "JPEG", "PNG", "GIF", "BMP" or "WebP" by a file's first bytes; "" for all else."""
    if (head[:4], head[8:HEAD]) == (b"RIFF", b"WEBP"):
        return "WebP"
    for start, kind in _BEGINNINGS.items():
        if head.startswith(start):
            return kind
    return ""


def other_kind(head: bytes) -> str:
    """The kind of an image that is not read, such as "a TIFF", by a file's first bytes; or ""."""
    if head[4:8] == b"ftyp":
        brand = head[8:HEAD]
        return "an AVIF" if brand in _AVIF else "a HEIC" if brand in _HEIC else ""
    return next((kind for kind, starts in _OTHERS.items() if head.startswith(starts)), "")


def kind_named(name: str) -> str:
    """The kind of image that a file's suffix promises; "" where it promises none."""
    name = name.lower()
    return next((kind for kind, suffixes in _SUFFIXES.items() if name.endswith(suffixes)), "")


def is_whole(content: bytes, kind: str) -> bool:
    """Whether an image of this kind goes on to its end, which a cut-off copy does not.

    Sources: ITU-T T.81, B.1.1; W3C, "Portable Network Graphics", 5.6; CompuServe, "GIF89a";
    Microsoft, "Bitmap Storage"; Google, "WebP Container Specification".
    """
    if kind == "PNG":
        return content.rfind(_PNG_END) >= 0  # From behind, as its place is there.
    if kind == "BMP":
        return len(content) >= max(26, int.from_bytes(content[2:6], "little"))
    if kind == "WebP":
        return int.from_bytes(content[4:8], "little") + 8 <= len(content)
    return (_jpeg_is_whole if kind == "JPEG" else _gif_is_whole)(content)


def _jpeg_is_whole(content: bytes) -> bool:
    # Part by part up to the picture itself: a thumbnail in the EXIF has an end of its own.
    at, last = 2, len(content) - 4
    while at <= last:
        marker, length = _marker_and_length(content, at)
        if marker == _SCAN:
            return content.rfind(_END, at) > 0  # From behind, as its place is there.
        if marker < 0xFF00:
            at = content.find(_MARK, at)
            if at < 0:
                return False
        elif marker == _FILLING:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + length
    return False


def _gif_is_whole(content: bytes) -> bool:
    """Whether the first picture is there, the only one that is decoded."""
    at = 13 + _colours(content, 10)
    while at < len(content):
        block = content[at]
        if block == _EXTENSION:
            at = _behind_parts(content, at + 2)
        elif block == _PICTURE:
            return _behind_parts(content, at + 11 + _colours(content, at + 9)) <= len(content)
        else:
            return False
    return False


def _colours(content: bytes, at: int) -> int:
    """The bytes of the table of colours that these flags of a GIF announce."""
    flags = content[at] if at < len(content) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _behind_parts(content: bytes, at: int) -> int:
    """Where a GIF goes on behind the parts at a place, the last of which is empty."""
    while at < len(content) and content[at]:
        at += 1 + content[at]
    return at + 1
