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
_BATCH = 5_000  # images drawn at once: bounds the memory that drawing takes


class MnistSized(tfds.core.GeneratorBasedBuilder):
    """Features and sizes of TFDS `mnist` 3.0.1: `image` (28, 28, 1) uint8 and `label`."""

    VERSION = tfds.core.Version("1.0.0")

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
        random = np.random.default_rng(seed)
        for start in range(0, size, _BATCH):
            images, labels = draw(random, min(_BATCH, size - start))
            for offset, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
                yield (
                    start + offset,
                    {"image": cv2.imencode(".png", image)[1].tobytes(), "label": label},
                )


def draw(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (count, 28, 28) uint8 images and (count,) int64 labels, white on black."""
    digits = load_digits()
    chosen = random.integers(len(digits.images), size=count)
    originals = digits.images[chosen].astype(np.float32) / 16  # (count, 8, 8) in 0..1

    # One bilinear resampling draws size and place: each row and column of the 28x28
    # picture looks up its own point of the 8x8 original.
    stretch = random.uniform(16, 21, size=(count, 2, 1)).astype(np.float32)
    shift = random.uniform(-2, 2, size=(count, 2, 1)).astype(np.float32)
    centred = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2 - shift  # (count, 2, 28)
    points = centred * 8 / stretch + 3.5
    rows, columns = _weights(points[:, 0]), _weights(points[:, 1])  # (count, 28, 8)
    images = rows @ originals @ columns.transpose(0, 2, 1)  # (count, 28, 28) in 0..1

    ink = random.uniform(0.7, 1.3, size=(count, 1, 1)).astype(np.float32)
    noise = random.standard_normal(images.shape, dtype=np.float32)
    # Faint edges become paper, as in MNIST, where four pixels of five are exactly zero.
    drawn = np.where(images > 0.3, images * (ink + 0.08 * noise), 0)
    return (drawn.clip(0, 1) * 255).astype(np.uint8), digits.target[chosen].astype(np.int64)


def _weights(points: np.ndarray) -> np.ndarray:
    """Bilinear weights of the 8 source lines for (count, 28) points: (count, 28, 8)."""
    lines = np.arange(8, dtype=np.float32)
    return np.maximum(0, 1 - np.abs(points[..., None] - lines))
