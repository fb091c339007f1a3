"""Small images for the sources of files, and what became of them."""

import io
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from components.examples.reading import read_examples

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
CLASSES = ("cat", "dog")
NUMBER = 120  # enough for each class to be in each split


def image_bytes(number: int) -> bytes:
    """A small image like no other one, in one of the formats."""
    pixels = np.random.default_rng(number).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, FORMATS[number % len(FORMATS)])
    return file.getvalue()


def mask_bytes(number: int, values=(0, 1)) -> bytes:
    """A mask of such an image, a grey PNG of these values."""
    pixels = np.random.default_rng(number).choice(np.array(values, np.uint8), (6, 7))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def pairs_of(examples, target="label") -> dict[str, list[tuple[bytes, bytes]]]:
    """{split: [(image, label or mask)]} of an artifact, in the order of its shards."""
    folder, found = Path(examples.uri), defaultdict(list)
    for split in sorted(folder.glob("Split-*")):
        role = split.name.removeprefix("Split-")
        for example in read_examples(folder, role):
            found[role].append((example["image"][0], example[target][0]))
    return dict(found)


def said(examples, name="summary") -> str:
    return examples.get_string_custom_property(name)
