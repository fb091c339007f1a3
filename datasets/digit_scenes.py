"""`digit_scenes`: handwritten digits and discs on photographs, with the class of every pixel.

scikit-learn ships the digits and the photographs, so that preparing it takes no network and
a few seconds. Every picture comes from a seed of its own: the dataset is the same every time.
"""

import io
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits, load_sample_images

from datasets.digits import CITATION, test_rows

SIDE = 64  # pixels
CLASSES = {"background": 0, "digit": 1, "disc": 2}
COUNTS = {"train": 1000, "test": 200}
_TEST_PHOTO_SHARE = 0.25  # the right part of each photograph is for testing
_SEEDS = {"train": 0, "test": 1}
_FINE = 4  # pictures are drawn this many times as large: smooth edges

_DESCRIPTION = """\
Scenes for semantic segmentation: one to four handwritten digits and none to two discs, in
random colours and sizes at random places of 64x64 crops of photographs, as colour PNGs. The
mask, a grey PNG, has the class of every pixel: 0 background, 1 digit (its strokes), 2 disc.
1,000 scenes for training and 200 for testing, with digits and parts of the photographs that
training does not see. The digits are the copy of the test set of UCI's "Optical Recognition
of Handwritten Digits" that scikit-learn ships; the photographs are scikit-learn's china.jpg
by danielbuechele and flower.jpg by vultilion (CC BY 2.0).
"""


class DigitScenes(tfds.core.GeneratorBasedBuilder):
    """Features: `image` (64, 64, 3) uint8 and `mask` (64, 64, 1) uint8 in 0..2, as PNGs."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, SIDE, 3), encoding_format="png"),
                    "mask": tfds.features.Image(shape=(SIDE, SIDE, 1), encoding_format="png"),
                }
            ),
            supervised_keys=("image", "mask"),
            homepage="https://archive.ics.uci.edu/dataset/80",
            citation=CITATION,
            license="CC BY 4.0 (digits), CC BY 2.0 (photographs)",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        del dl_manager
        return {split: self._generate_examples(split) for split in COUNTS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        digits, photographs = material(split)
        for number in range(COUNTS[split]):
            image, mask = scene(digits, photographs, (_SEEDS[split], number))
            yield number, {"image": png(image), "mask": png(mask)}


def material(split: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """What the scenes of a split are made of.

    Returns:
      (digits, 8, 8) float 0..1, and photographs (height, width, 3) uint8.
    """
    digits = load_digits()
    of_test = test_rows(digits.target)
    photographs = []
    for photograph in load_sample_images().images:
        edge = int(photograph.shape[1] * (1 - _TEST_PHOTO_SHARE))
        photographs.append(photograph[:, edge:] if split == "test" else photograph[:, :edge])
    return digits.images[of_test if split == "test" else ~of_test] / 16, photographs


def scene(
    digits: np.ndarray, photographs: list[np.ndarray], seed: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draws one scene.

    Args:
      digits: (digits, 8, 8) float 0..1.
      photographs: each (height, width, 3) uint8, at least SIDE high and wide.
      seed: the same seed gives the same scene.

    Returns:
      The image (SIDE, SIDE, 3) uint8 and its mask (SIDE, SIDE) uint8 of class ids. What
      covers at least half of a pixel is the pixel's class.
    """
    random = np.random.default_rng(seed)
    image = _crop(photographs[random.integers(len(photographs))], random).astype(float)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    discs, strokes = random.integers(0, 3), random.integers(1, 5)
    for kind in random.permutation(["disc"] * discs + ["digit"] * strokes):
        size = int(random.integers(*((12, 25) if kind == "disc" else (20, 37))))
        if kind == "disc":
            cover = _disc(size)
        else:
            cover = _enlarged(digits[random.integers(len(digits))], size)
        top, left = random.integers(0, SIDE - size + 1, 2)
        here = slice(top, top + size), slice(left, left + size)
        colour = _visible_colour(image[here].mean(axis=(0, 1)), random)
        image[here] += cover[..., None] * (colour - image[here])
        mask[here][cover >= 0.5] = CLASSES[kind]
    noise = random.normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), mask


def _crop(photograph: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A random square of a random size, shrunk to (SIDE, SIDE, 3) uint8."""
    size = int(random.integers(SIDE, min(photograph.shape[:2]) // 2))
    top = random.integers(0, photograph.shape[0] - size + 1)
    left = random.integers(0, photograph.shape[1] - size + 1)
    square = Image.fromarray(photograph[top : top + size, left : left + size])
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX))


def _disc(size: int) -> np.ndarray:
    """(size, size) float 0..1, how much of each pixel a disc covers."""
    large = Image.new("L", (size * _FINE, size * _FINE))
    ImageDraw.Draw(large).ellipse((0, 0, size * _FINE - 1, size * _FINE - 1), fill=255)
    return np.asarray(large.resize((size, size), Image.Resampling.BOX)) / 255


def _enlarged(digit: np.ndarray, size: int) -> np.ndarray:
    """(size, size) float 0..1 of (8, 8), its strokes with edges as sharp as a pen's."""
    grey = Image.fromarray((digit * 255).astype(np.uint8))
    large = np.asarray(grey.resize((size, size), Image.Resampling.BICUBIC)) / 255
    return np.clip((large - 0.5) * 4 + 0.5, 0, 1)


def _visible_colour(behind: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(3,) float 0..255, a random colour that differs from (3,) `behind`."""
    colour = random.uniform(0, 255, 3)
    while abs(colour - behind).max() < 100:  # about as far apart as text and paper in a photo
        colour = random.uniform(0, 255, 3)
    return colour


def png(pixels: np.ndarray) -> bytes:
    """Encodes (height, width, 3) or (height, width) uint8 as a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
