"""Writes pictures, in ways that Pillow has and in others, and reads them with Pillow."""

import io
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps

EXACT, LOSSY = 1, 24  # the largest difference of a pixel, 0..255
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
    with warnings.catch_warnings(action="ignore"):  # about EXIF that breaks its rules
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


def png_of_a_damaged_text(size, colour) -> bytes:
    """A PNG of good pixels whose compressed XMP is damaged."""
    text = b"XML:com.adobe.xmp\0\0" + zlib.compress(b"")[:2] + b"nonsense"
    return png(size, colour, 8, before=chunk(b"zTXt", text))


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


def with_bytes(encoded: bytes, position: int, value: bytes) -> bytes:
    return encoded[:position] + value + encoded[position + len(value) :]
