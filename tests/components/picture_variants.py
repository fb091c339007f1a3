"""Every way to write a picture of one size, and what Pillow reads from each."""

import base64
import io
import itertools
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

EXACT, LOSSY = 1, 24  # the largest difference of a pixel, 0..255
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
_COLOURS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # a PNG's kinds of colour: values of a pixel


def picture(size, mode="RGB", seed=0) -> Image.Image:
    """Blocks of colours, with an alpha channel where the mode has one."""
    height, width = size
    chance = np.random.default_rng(seed)
    blocks = chance.integers(0, 256, (height // 4 + 1, width // 4 + 1, 4), dtype=np.uint8)
    pixels = np.kron(blocks, np.ones((4, 4, 1), np.uint8))[:height, :width]
    made = Image.fromarray(pixels, "RGBA")
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return made.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else made.convert(mode)


def encode(image, kind, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def by_pillow(encoded: bytes, channels: int, exif_orientation: bool = True) -> np.ndarray:
    """(height, width, channels) int of the first frame, without its alpha channel."""
    image = Image.open(io.BytesIO(encoded))
    image = ImageOps.exif_transpose(image) if exif_orientation else image
    if image.mode == "I;16":
        grey = np.asarray(image).astype(int) >> 8
        return np.repeat(grey[..., None], channels, axis=2)
    colour = image.convert("RGBA").convert("RGB") if image.mode != "CMYK" else image.convert("RGB")
    return (
        np.asarray(colour if channels == 3 else colour.convert("L"))
        .astype(int)
        .reshape(image.height, image.width, channels)
    )


def variants(size: tuple[int, int]):
    """(name, bytes, the largest difference) of each way to write a picture of (height, width)."""
    for made in (_pngs, _bmps, _gifs, _few_colours, _webps, _jpegs, _turned):
        yield from made(size)


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


def png(size, colour, depth, interlaced=False, line_filter=0, before=b"", behind=b"") -> bytes:
    """A PNG of any kind, of chance values; Pillow writes few kinds.

    Args:
      colour: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
      line_filter: 0 none, 1 against the pixel to the left, 2 against the line above.
      before, behind: chunks before or behind those of the pixels.
    """
    height, width = size
    chance = np.random.default_rng(depth * 10 + colour)
    values = chance.integers(0, 1 << depth, (height, width, _COLOURS[colour]))
    # (first row, first column, rows between, columns between) of Adam7.
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    passes = [*passes, (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)]
    packed = b"".join(
        _lines(values[row::down, column::right], depth, line_filter)
        for row, column, down, right in passes
    )
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = chance.integers(0, 256, 3 << min(depth, 8), dtype=np.uint8).tobytes()
    chunks = [chunk(b"IHDR", header), chunk(b"PLTE", palette) if colour == 3 else b"", before]
    chunks += [chunk(b"IDAT", zlib.compress(packed)), behind, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _lines(values: np.ndarray, depth: int, line_filter: int) -> bytes:
    rows, columns, colours = values.shape
    if not rows or not columns:
        return b""
    bits = (values.reshape(rows, -1, 1) >> np.arange(depth)[::-1]) & 1
    lines = np.packbits(bits.reshape(rows, -1).astype(np.uint8), axis=1)
    before = np.zeros_like(lines)
    if line_filter == 1:
        step = max(1, depth * colours // 8)
        before[:, step:] = lines[:, :-step]
    elif line_filter == 2:
        before[1:] = lines[:-1]
    return np.insert(lines - before, 0, line_filter, axis=1).tobytes()


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


def _turned(size):
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
    entries = [(0x010E, 2, 4, b"abc\0"), (0x0112, 3, 1, struct.pack(order + "HH", orientation, 0))]
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        directory += struct.pack(order + "HHI", tag, kind, count) + value
    second = struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, 9 - orientation, 0, 0)
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    behind = struct.pack(order + "I", 8 + len(directory) + 4)
    return b"Exif\0\0" + start + directory + behind + second


def with_bytes(encoded: bytes, position: int, value: bytes) -> bytes:
    return encoded[:position] + value + encoded[position + len(value) :]
