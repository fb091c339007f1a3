"""Every way to say how a picture is turned: in EXIF, in XMP, in texts, and wrongly."""

import itertools
import struct
import zlib

from tests.components.pictures import EXACT, LOSSY, chunk, encode, picture, png, with_bytes

_TAG, _SHORT = 0x0112, 3
_MARK = b"Exif\0\0"


def turned(size):
    for orientation in range(1, 9):
        stored = size[::-1] if orientation > 4 else size
        for order in ("<", ">"):
            block = exif(orientation, order)
            for mode in ("L", "RGB", "CMYK"):
                written = encode(picture(stored, mode), "JPEG", exif=block)
                yield f"JPEG {mode} turned {orientation} {order}", written, LOSSY
            written = encode(picture(stored), "WEBP", lossless=True, exif=block)
            yield f"WebP turned {orientation} {order}", written, EXACT
            part = chunk(b"eXIf", block[6:])
            yield f"PNG turned {orientation} {order}", png(stored, 2, 8, before=part), EXACT
            yield f"PNG turned late {orientation}", png(stored, 3, 4, behind=part), EXACT
        written = encode(picture(stored), "JPEG", progressive=True)
        segment = exif(orientation, ">")
        segment = b"\xff\xff\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
        later = written[:20] + b"\xff\xed\x00\x0a8BIM\xff\xda\xff\xd9" + segment + written[20:]
        yield f"JPEG turned behind other segments {orientation}", later, LOSSY


def exif(orientation: int, order: str) -> bytes:
    """A JPEG's EXIF: a text, the orientation, and a second directory that contradicts it."""
    return _MARK + tiff([_TEXT, _short(orientation, order)], order)


_TEXT = (0x010E, 2, 4, b"abc\0")


def _short(orientation, order=">"):
    return (_TAG, _SHORT, 1, struct.pack(order + "HH", orientation, 0))


def tiff(entries, order=">", start=None, count=None) -> bytes:
    """EXIF of (tag, kind, count, value); `start` and `count` are for wrong ones."""
    directory = struct.pack(order + "H", len(entries) if count is None else count)
    for tag, kind, of_values, value in entries:
        directory += struct.pack(order + "HHI", tag, kind, of_values) + value
    second = struct.pack(order + "HHHIHHI", 1, _TAG, _SHORT, 1, 2, 0, 0)
    start = start or struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return start + directory + struct.pack(order + "I", 8 + len(directory) + 4) + second


def oddly_turned(size):
    """What Pillow reads from EXIF that breaks its rules, from XMP and from texts."""
    for name, content in _odd_exif():
        yield f"JPEG, EXIF {name}", _jpeg(size, _segment(_MARK + content)), LOSSY
        yield f"PNG, EXIF {name}", _png(size, chunk(b"eXIf", content)), EXACT
        yield f"WebP, EXIF {name}", _webp(size, exif=content), EXACT
    for name, content in _unusual_numbers():
        yield f"JPEG, EXIF {name}", _jpeg(size, _segment(_MARK + content)), LOSSY
    yield from _repeated(size)
    for name, xmp in _xmps():
        yield f"JPEG, XMP {name}", _jpeg(size, _xmp_segment(xmp)), LOSSY
        yield f"WebP, XMP {name}", _webp(size, xmp=xmp), EXACT
        for orientation in (0, 1, 2):
            segments = _xmp_segment(xmp) + _segment(_MARK + tiff([_short(orientation)]))
            yield f"JPEG, XMP {name}, EXIF {orientation}", _jpeg(size, segments), LOSSY
        yield (
            f"JPEG, XMP {name}, EXIF",
            _jpeg(size, _segment(_MARK + tiff([_TEXT])) + _xmp_segment(xmp)),
            LOSSY,
        )
        for kind, text in _texts(b"XML:com.adobe.xmp", xmp):
            yield f"PNG, XMP {name} {kind}", _png(size, text), EXACT
    yield from _profiles(size)


def _odd_exif():
    for kind in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 99):
        for count in (0, 1, 2):
            for order, value in (
                ("<", b"\3\0\0\0"),
                (">", b"\0\3\0\0"),
                (">", b"\0\0\0\3"),
                (">", b"\3\0\0\0"),
            ):
                yield (
                    f"kind {kind} {count} {order} {value}",
                    tiff([(_TAG, kind, count, value)], order),
                )
    for value in (0, 9, 200, 60_000):
        yield f"value {value}", tiff([_short(value)])
    yield "twice", tiff([_short(2), _short(3)])
    yield "twice, the last of no kind", tiff([_short(2), (_TAG, 99, 1, b"\0\3\0\0")])
    yield "another beginning, big", tiff([_short(3)], start=b"MM*\0\0\0\0\x08")
    yield "another beginning, little", tiff([_short(3, "<")], "<", start=b"II\0*\x08\0\0\0")
    yield "behind its end", tiff([_short(3)], start=b"MM\0*\0\0\1\0")
    yield "far behind its end", tiff([_short(3)], start=b"MM\0*\xff\0\1\0")
    yield "of fewer entries", tiff([_TEXT, _short(3)], count=1)
    yield "of more entries", tiff([_short(3)], count=900)
    for kind, values, size in ((3, 3, 2), (4, 2, 4), (6, 9, 1), (4, 900, 4), (7, 9, 1)):
        away = struct.pack(">I", 8)  # "\0\1" and the tag, or the numbers in front of them
        yield f"away, kind {kind} {values}", tiff([(_TAG, kind, values, away)])
        away = struct.pack(">I", 30)
        written = with_bytes(tiff([(_TAG, kind, values, away)]), 30, b"\0\0\0\0\0\0\0\0\0")
        yield f"away, kind {kind} {values}, 3", with_bytes(written, 30 + size - 1, b"\3")
    yield "cut off", tiff([_TEXT, _short(3)])[:30]
    yield "marked again", _MARK + tiff([_short(3)])
    yield "marked twice more", _MARK + _MARK + tiff([_short(3)])


def _unusual_numbers():
    """Orientations as fractions, as numbers with a point and as numbers of 64 bits."""
    numbers = [
        (kind, form, values)
        for kind, form in ((5, "II"), (10, "ii"))
        for values in ((3, 1), (8, 2), (13, 2), (3, 0), (1, 3), (30, 10))
    ]
    numbers += [(10, "ii", (-6, -2)), (10, "ii", (-3, 1)), (5, "II", (3 << 30, 1 << 30))]
    numbers += [(kind, form, (value,)) for kind, form in ((11, "f"), (12, "d")) for value in
                (3.0, 4.0, 3.5, 0.0, -3.0, float("nan"))]  # fmt: skip
    numbers += [(16, "Q", (value,)) for value in (3, 9, 3 << 32)]
    for (kind, form, values), order in itertools.product(numbers, "<>"):
        content = struct.pack(order + form, *values)
        value = content if len(content) <= 4 else struct.pack(order + "I", 30)
        written = tiff([(_TAG, kind, 1, value)], order)
        if len(content) > 4:
            written = with_bytes(written, 30, content)
        yield f"kind {kind} {values} {order}", written


def _repeated(size):
    two, three = (tiff([_short(orientation)]) for orientation in (2, 3))
    segments = _segment(_MARK + two) + _segment(_MARK + three)
    yield "JPEG, EXIF twice", _jpeg(size, segments), LOSSY
    yield "PNG, EXIF twice", _png(size, chunk(b"eXIf", two) + chunk(b"eXIf", three)), EXACT
    behind = png(size, 2, 8) + chunk(b"eXIf", three)
    yield "PNG, EXIF behind the end", behind, EXACT
    for junk in (b"\0\1\2", b"\xff\0\xff\0", b"\0" * 50, b"\xff\xd0", b"\xff\xff\xff"):
        yield f"JPEG, EXIF behind {junk}", _jpeg(size, junk + _segment(_MARK + three)), LOSSY
    webp = _webp(size, exif=three)
    yield "WebP, EXIF without its flag", with_bytes(webp, 20, b"\0"), EXACT
    yield (
        "WebP, EXIF behind the end",
        _webp(size) + b"EXIF" + struct.pack("<I", len(three)) + three,
        EXACT,
    )


def _xmps():
    for orientation, pattern in itertools.product(
        (1, 2, 3, 9), (' tiff:Orientation="{}"', "><tiff:Orientation>{}</tiff:Orientation")
    ):
        text = pattern.format(orientation)
        yield text.strip(), f"<x:xmpmeta \xe9\n{text}></x:xmpmeta>".encode()
    yield "of nothing", b"<x:xmpmeta></x:xmpmeta>"
    yield "twice", b'tiff:Orientation="3" tiff:Orientation="2"'


def _profiles(size):
    content = tiff([_short(3)])
    for letters in (content.hex(), content.hex().upper()):
        lines = "\n".join(letters[at : at + 72] for at in range(0, len(letters), 72))
        profile = f"\nexif\n{len(content):8}\n{lines}\n".encode()
        for kind, text in _texts(b"Raw profile type exif", profile):
            yield f"PNG, profile {kind} {letters[-4:]}", _png(size, text), EXACT
            both = text + chunk(b"eXIf", tiff([_short(2)]))
            yield f"PNG, profile {kind} {letters[-4:]} and EXIF", _png(size, both), EXACT
            xmp = chunk(b"tEXt", b'XML:com.adobe.xmp\0tiff:Orientation="2"')
            yield f"PNG, profile {kind} {letters[-4:]} and XMP", _png(size, text + xmp), EXACT
    other = _texts(b"Raw profile type APP1", profile)
    yield from ((f"PNG, APP1 {kind}", _png(size, text), EXACT) for kind, text in other)


def _texts(keyword, text):
    yield "plain", chunk(b"tEXt", keyword + b"\0" + text)
    yield "compressed", chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))
    yield "compressed and damaged", chunk(b"zTXt", keyword + b"\0\0no" + zlib.compress(text))
    yield "international", chunk(b"iTXt", keyword + b"\0\0\0en\0Name\0" + text)
    squeezed = zlib.compress(text)
    yield "international, compressed", chunk(b"iTXt", keyword + b"\0\1\0\0\0" + squeezed)


def _jpeg(size, segments) -> bytes:
    written = encode(picture(size), "JPEG", quality=95, subsampling=0)
    return written[:20] + segments + written[20:]


def _segment(content) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def _xmp_segment(xmp) -> bytes:
    return _segment(b"http://ns.adobe.com/xap/1.0/\0" + xmp)


def _png(size, chunks) -> bytes:
    return png(size, 2, 8, before=chunks)


def _webp(size, **options) -> bytes:
    return encode(picture(size), "WEBP", lossless=True, **options)
