"""`digit_pairs`: two handwritten digits beside each other, labelled with the digits that they show.

They are made of the embedded digits; every pair comes from a seed of its own, so that the dataset
is the same every time.
"""

import io
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from sklearn.datasets import load_digits

from datasets.digits import CITATION, SIDE, enlarged_png, test_rows

COUNTS = {"train": 1600, "test": 320}
_SEEDS = {"train": 0, "test": 1}

_DESCRIPTION = """\
Pairs of handwritten digits for multi-label classification: two digits beside each other on black,
28x56 grey PNGs, with the one or two classes that they are of as labels, in no order. 1,600 pairs
for training and 320 for testing, with digits that training does not see. The digits are the copy
of the test set of UCI's "Optical Recognition of Handwritten Digits" that scikit-learn ships.
"""


class DigitPairs(tfds.core.GeneratorBasedBuilder):
    """Features: `image` (28, 56, 1) uint8 in 0..255, stored as PNG; `labels`, each in 0..9."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self) -> tfds.core.DatasetInfo:
        label = tfds.features.ClassLabel(names=[str(digit) for digit in range(10)])
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, 2 * SIDE, 1), encoding_format="png"),
                    "labels": tfds.features.Sequence(label),
                }
            ),
            supervised_keys=("image", "labels"),
            homepage="https://archive.ics.uci.edu/dataset/80",
            citation=CITATION,
            license="CC BY 4.0",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        del dl_manager
        return {split: self._generate_examples(split) for split in COUNTS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        for number, (png, labels) in enumerate(pairs(split, COUNTS[split])):
            yield number, {"image": png, "labels": labels}


def pairs(split: str, count: int) -> Iterator[tuple[bytes, list[int]]]:
    """The first pairs of a split: a PNG each, and the classes that it shows in rising order."""
    digits = load_digits()
    rows = np.flatnonzero(test_rows(digits.target) == (split == "test"))
    for number in range(count):
        two = np.random.default_rng((_SEEDS[split], number)).choice(rows, 2)
        yield _beside(digits.images[two]), sorted(set(digits.target[two].tolist()))


def _beside(pictures: np.ndarray) -> bytes:
    """Encodes (2, 8, 8) pictures of values 0..16 as one grey PNG."""
    both = Image.new("L", (2 * SIDE, SIDE))
    for number, picture in enumerate(pictures):
        both.paste(Image.open(io.BytesIO(enlarged_png(picture))), (number * SIDE, 0))
    png = io.BytesIO()
    both.save(png, "PNG")
    return png.getvalue()
