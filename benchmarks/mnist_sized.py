"""`mnist_sized`: a TFDS dataset of exactly MNIST's size, made here without a network.

Speed depends on how many images there are and how large they are, so where TFDS's
`mnist` cannot be downloaded this one stands in for it: 60,000 + 10,000 grey 28x28
PNGs with ten balanced labels, drawn from scikit-learn's 1,797 handwritten digits
with random shift, stretch, brightness and noise.

Both splits draw on the same 1,797 originals: accuracy on it says that a training
works, not how well a model reads unseen handwriting.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

SIDE = 28
SIZES = {"train": 60_000, "test": 10_000}


class MnistSized(tfds.core.GeneratorBasedBuilder):
    """Features and sizes of TFDS `mnist` 3.0.1: `image` (28, 28, 1) uint8 and `label`."""

    VERSION = tfds.core.Version("2.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Digits of scikit-learn, drawn at random in MNIST's size and number.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, SIDE, 1), encoding_format="png"),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://scikit-learn.org/stable/datasets/toy_dataset.html",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        del dl_manager
        return {
            name: self._generate_examples(size, seed=seed)
            for seed, (name, size) in enumerate(SIZES.items())
        }

    def _generate_examples(self, size: int, seed: int) -> Iterator[tuple[int, dict]]:
        random, digits = np.random.default_rng(seed), load_digits()
        for number in range(size):
            chosen = random.integers(len(digits.target))
            image = draw(random, digits.images[chosen].astype(np.float32) / 16)
            png = cv2.imencode(".png", image)[1].tobytes()
            yield number, {"image": png, "label": int(digits.target[chosen])}


def draw(random: np.random.Generator, original: np.ndarray) -> np.ndarray:
    """A (28, 28) uint8 image, white on black, of an original (8, 8) float32 in 0..1."""
    stretch, shift = random.uniform(2, 2.6, size=2), random.uniform(-2, 2, size=2)
    place = np.column_stack([np.diag(stretch), (SIDE - 1) / 2 - 3.5 * stretch + shift])
    image = cv2.warpAffine(original, place, (SIDE, SIDE))
    ink = random.uniform(0.7, 1.3) + 0.08 * random.standard_normal(image.shape, np.float32)
    # Faint edges become paper, as in MNIST, where four pixels of five are exactly zero.
    return (np.where(image > 0.3, image * ink, 0).clip(0, 1) * 255).astype(np.uint8)
