"""`digits`: 1,797 handwritten digits, the dataset that comes with the project.

scikit-learn ships the data, so that preparing it takes no network and about a second.
"""

import io
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from sklearn.datasets import load_digits

SIDE = 28  # pixels; MNIST's size, so that one model fits both
TEST_SHARE = 5  # one picture of each five of a digit is for testing
_BRIGHTEST = 16  # the largest value of scikit-learn's 8x8 pictures

_DESCRIPTION = """\
Handwritten digits of 43 people, 1,797 pictures in ten classes: the copy of the test set of
UCI's "Optical Recognition of Handwritten Digits" that scikit-learn ships. The 8x8 pictures
with values 0 to 16 are enlarged to 28x28 grey PNGs with values 0 to 255, white on black.
The split into train (1,438) and test (359) is fixed and holds each digit's share.
"""

CITATION = """\
@misc{alpaydin1998optical,
  author = {Alpaydin, E. and Kaynak, C.},
  title = {Optical Recognition of Handwritten Digits},
  year = {1998},
  howpublished = {UCI Machine Learning Repository},
  doi = {10.24432/C50P49}
}
"""


class Digits(tfds.core.GeneratorBasedBuilder):
    """Features: `image` (28, 28, 1) uint8 in 0..255, stored as PNG; `label` in 0..9."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, SIDE, 1), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80",
            citation=CITATION,
            license="CC BY 4.0",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        del dl_manager
        digits = load_digits()
        for_test = test_rows(digits.target)
        return {
            name: self._generate_examples(digits.images, digits.target, np.flatnonzero(rows))
            for name, rows in (("train", ~for_test), ("test", for_test))
        }

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray
    ) -> Iterator[tuple[int, dict]]:
        for row in rows.tolist():
            yield row, {"image": enlarged_png(images[row]), "label": int(labels[row])}


def test_rows(labels: np.ndarray) -> np.ndarray:
    """Marks the rows of the test split: of each digit every fifth, evenly over the file.

    Neighbours in the file are by the same hand, so both splits see every writer.

    Args:
        labels: (rows,) class ids.

    Returns:
        (rows,) bool.
    """
    nth_of_its_digit = np.zeros(len(labels), np.int64)
    for digit in np.unique(labels):
        rows = labels == digit
        nth_of_its_digit[rows] = np.arange(rows.sum())
    return nth_of_its_digit % TEST_SHARE == TEST_SHARE // 2


def enlarged_png(picture: np.ndarray) -> bytes:
    """Encodes one (8, 8) picture of values 0..16 as a grey 28x28 PNG of values 0..255."""
    grey = Image.fromarray((picture * (255 / _BRIGHTEST)).astype(np.uint8))
    png = io.BytesIO()
    grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(png, "PNG")
    return png.getvalue()
