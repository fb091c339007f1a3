"""Every way to write a picture of one size, and what Pillow reads from each."""

import base64
import functools
import itertools
import struct

from tests.components.pictures import EXACT, LOSSY, chunk, encode, picture, png, with_bytes
from tests.components.turned_variants import oddly_turned, turned

# Coded arithmetically, which Pillow reads and does not write: colour and grey, each also
# progressive. Of 20x28 pixels, by jpeglib 6b's API of libjpeg-turbo.
ARITHMETIC = [
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZG"
    "NywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09P"
    "T09PT09PT09PT09PT09PT09PT09PT09PT0//yQARCAAUABwDASIAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIR"
    "AxEAPwD/AKAIbX3EIKeGMg7jhWreYgkd9Bf3YvN+GKEtnU7F3bdrO9tata5khA0T+/8A9w3G2s5hNzpUo/3mflpl"
    "6OO3npm+cTbzWrBm25YCHXmur2tM+H0cXEHQJJ2E6bE6qobBalQOyIePVKtufC2dz9knLlISy6DxV9wM7bzAqOIr"
    "KoMztWwAiF3maZs8qVOG9VB4P4OHTxK1D4M7V+54t6HceLll4SP4Txj/2Q==",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZG"
    "NywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09P"
    "T09PT09PT09PT09PT09PT09PT09PT09PT0//ygARCAAUABwDASIAAhEBAxEB/8wABgAQARD/2gAMAwEAAhADEAAA"
    "Af8AQAYm12Qk6YaG4Hk8QsREFbBsUy6f/8wABBAF/9oACAEBAAEFAhL8pqYQvzg6ZfA6jo+WIXeI/8wABBEF/9oA"
    "CAEDAQE/ARQn9ihYlkH/zAAEEQX/2gAIAQIBAT8BhKHfuJUH6ATa6LT0vP01vYD/zAAEEAX/2gAIAQEABj8C0FZA"
    "/8wABBAF/9oACAEBAAE/IeBdKCIPtVdxE+qskNsvAWAAEM39U+q4gP/aAAwDAQACAAMAAAAQEm+S/8wABBEF/9oA"
    "CAEDAQE/ENUogRUqmP/MAAQRBf/aAAgBAgEBPxClBfQ/idJs8Zerm/8AYfRnRep4j1DUQP/MAAQQBf/aAAgBAQAB"
    "PxBFKOJTUgIoyoczve6Qa72nWm704eVsi0xRaDJJXyRix8RI7OguWP/Z",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZG"
    "NywtQFdBRkxOUlNSMj5aYVpQYEpRUk//yQALCAAUABwBAREA/8wABgAQEAX/2gAIAQEAAD8A/wCarcQYdwnQfOSh"
    "q27gTOF3hwFAehiVJwJ2xDX+WOeovyj/2Q==",
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZG"
    "NywtQFdBRkxOUlNSMj5aYVpQYEpRUk//ygALCAAUABwBAREA/8wABAAQ/9oACAEBAAAAAf8ANQx3hGPB4o6/pqb/"
    "zAAEEAX/2gAIAQEAAQUCGvdEujvAa5HA/8wABBAF/9oACAEBAAY/AsD/zAAEEAX/2gAIAQEAAT8h1yz/2gAIAQEA"
    "AAAQ/wD4/8wABBAF/9oACAEBAAE/EFC04i96g4D/2Q==",
]


@functools.cache
def variants(size: tuple[int, int]) -> tuple[tuple[str, bytes, int], ...]:
    """(name, bytes, the largest difference) of each way to write a picture of (height, width)."""
    ways = [_pngs, _bmps, _gifs, _few_colours, _webps, _jpegs, turned]
    if size == (20, 28):
        ways.append(oddly_turned)
    return tuple(written for way in ways for written in way(size))


def _pngs(size):
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield f"PNG {mode}", encode(picture(size, mode), "PNG"), EXACT
        yield f"PNG {mode} optimized", encode(picture(size, mode), "PNG", optimize=True), EXACT
    for mode, place in (("P", 3), ("L", 7)):
        yield f"PNG {mode} tRNS", encode(picture(size, mode), "PNG", transparency=place), EXACT
    profile = encode(picture(size), "PNG", icc_profile=b"some profile")
    yield "PNG with a profile", profile, EXACT
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    for colour, depth, interlaced, line_filter in itertools.product(
        depths, (1, 2, 4, 8, 16), (False, True), range(3)
    ):
        if depth in depths[colour]:
            name = f"PNG colour {colour} depth {depth} interlaced {interlaced} {line_filter}"
            yield name, png(size, colour, depth, interlaced, line_filter), EXACT
    for colour, depth, clear in ((0, 8, 2), (0, 16, 2), (2, 8, 6), (2, 16, 6), (3, 4, 9)):
        for interlaced in (False, True):
            extra = chunk(b"tRNS", bytes(range(clear)))
            name = f"PNG colour {colour} depth {depth} interlaced {interlaced} tRNS"
            yield name, png(size, colour, depth, interlaced, before=extra), EXACT


def _bmps(size):
    for mode, header, flipped in itertools.product(
        ("L", "P", "RGB", "RGBA"), (40, 52, 56, 108, 124), (False, True)
    ):
        written = bmp(size, mode, header, flipped)
        yield f"BMP {mode} header {header} top first {flipped}", written, EXACT


def bmp(size, mode, header, flipped=False) -> bytes:
    """A BMP with a longer header than the 40 bytes that Pillow writes, or its top line first."""
    written = bytearray(encode(picture(size, mode), "BMP"))
    begin = written[10] + 256 * written[11]
    written[10:14] = struct.pack("<I", begin + header - 40)
    written[14:18] = struct.pack("<I", header)
    if flipped:
        written[22:26] = struct.pack("<i", -size[0])
    written[54:54] = bytes(header - 40)
    written[2:6] = struct.pack("<I", len(written))
    return bytes(written)


def _gifs(size):
    for options in (
        {},
        {"transparency": 3},
        {"interlace": 0},
        {"interlace": 1},
        {"comment": b"hi"},
    ):
        yield f"GIF {options}", encode(picture(size, "P"), "GIF", **options), EXACT
    yield "GIF L", encode(picture(size, "L"), "GIF"), EXACT
    others = [picture(size, "P", seed) for seed in (1, 2)]
    for disposal in (0, 1, 2, 3):
        frames = {"save_all": True, "append_images": others, "disposal": disposal}
        yield f"GIF frames {disposal}", encode(picture(size, "P"), "GIF", **frames), EXACT


def _few_colours(size):
    for colours in (2, 3, 5, 16, 17, 100, 200):
        few = picture(size, seed=colours).quantize(colours)
        for kind in ("PNG", "GIF", "BMP"):
            yield f"{kind} {colours} colours", encode(few, kind), EXACT


def _webps(size):
    for mode in ("L", "RGB", "RGBA"):
        yield f"WebP {mode}", encode(picture(size, mode), "WEBP", lossless=True, exact=True), EXACT
        for quality, method in itertools.product((50, 80, 100), (0, 4, 6)):
            options = {"quality": quality, "method": method, "exact": True}
            yield f"WebP {mode} {options}", encode(picture(size, mode), "WEBP", **options), LOSSY
    profile = encode(picture(size), "WEBP", lossless=True, icc_profile=b"some profile")
    yield "WebP with a profile", profile, EXACT


def _jpegs(size):
    for mode, quality, subsampling, progressive in itertools.product(
        ("L", "RGB", "CMYK", "YCCK"), (20, 30, 75, 85, 95), (0, 1, 2), (False, True)
    ):
        options = {"quality": quality, "progressive": progressive, "subsampling": subsampling}
        if mode == "L" and subsampling:
            continue
        written = encode(picture(size, mode.replace("YCCK", "CMYK")), "JPEG", **options)
        if mode == "YCCK":
            place = written.index(b"Adobe") + 11  # Its marker says how colours are coded.
            written = with_bytes(written, place, b"\x02")
        yield f"JPEG {mode} {quality} {subsampling} {progressive}", written, LOSSY
    for options in ({"optimize": True, "restart_marker_rows": 1}, {"icc_profile": b"a profile"}):
        yield f"JPEG {options}", encode(picture(size), "JPEG", **options), LOSSY
    if size == (20, 28):
        for number, written in enumerate(ARITHMETIC):
            yield f"JPEG arithmetic {number}", base64.b64decode(written), LOSSY


def unmarked_cmyk(size, change=lambda marker: b"") -> bytes:
    """A CMYK JPEG with Adobe's marker changed or left out: by whom its inks are inverted, if any.

    Args:
      change: (16,) bytes of the marker -> bytes.
    """
    written = encode(picture(size, "CMYK"), "JPEG")
    begin = written.index(b"\xff\xee")
    return written[:begin] + change(written[begin : begin + 16]) + written[begin + 16 :]
