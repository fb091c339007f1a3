"""The compressed strategy: in memory as JPEGs of the wanted size, decoded again in every epoch.

Photographs take an eighth to a tenth of their pixels' memory, and decode several times as fast as
the originals, which are larger and have to be resized.  A JPEG loses a little of the picture, so
batches are not quite those of the other strategies: their order is the same, and pixels of
photographs differ by 3 to 5 of 255 on average, most of it in colour.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from components.trainer.input import jpeg
from components.trainer.input.epochs import Epochs
from components.trainer.input.features import Feature, aligned_rows
from components.trainer.input.python_calls import numpy_function
from components.trainer.input.source import Loading, Source, traced
from failures import Failure

# Of the JPEGs: 90 takes a seventh of the memory of pictures that were shrunk much.
QUALITY = 86


@dataclasses.dataclass
class Store:
    """Examples in the sequence of their numbers."""

    images: list[bytes] = dataclasses.field(default_factory=list)  # JPEGs
    beside: list[list[np.ndarray]] = dataclasses.field(default_factory=list)  # by chunk

    @property
    def image_bytes(self) -> int:
        return sum(map(len, self.images))


def refusal(source: Source) -> str | None:
    """Why these examples cannot be kept so, half a sentence; None if they can."""
    image, *others = source.features
    if not jpeg.available():
        return "the packages simplejpeg and OpenCV are not installed"
    if any(len(feature.shape) > 1 for feature in others):
        return "masks would lose their classes as JPEGs"
    if image.shape[2] not in (1, 3):
        return f"JPEGs have 1 or 3 channels, and these images {image.shape[2]}"
    return None


def load(source: Source) -> Store:
    """Decodes all examples and keeps them as JPEGs.

    Raises:
      Failure: a file is damaged, the memory is too small, or `refusal`.
    """
    if reason := refusal(source):
        raise Failure(
            f"The input strategy compressed cannot keep {source.name}: {reason}. "
            "Set it to memory, disk or streaming."
        )
    store = Store()
    try:
        for _ in filling(source, store):
            pass
    except tf.errors.OpError as error:
        raise source.explain(error) from error
    except MemoryError as error:
        raise Failure(
            f"{source.name} does not fit into memory even as JPEGs. Set the input strategy to "
            "disk or streaming."
        ) from error
    return store


def expected_bytes(source: Source) -> float:
    """About how many bytes the JPEGs of all examples take, judged by the first chunk.

    Raises:
      Failure: a file is damaged.
    """
    store = Store()
    try:
        some = next(filling(source, store), None)
    except tf.errors.OpError as error:
        raise source.explain(error) from error
    return store.image_bytes * source.at_most / some if some else 0


def filling(source: Source, store: Store) -> Iterator[int]:
    """Adds all examples to an empty store; yields how many there are, chunk by chunk."""
    shape = source.features[0].shape

    def encode(rows):
        return np.array(jpeg.encode(rows.reshape(-1, *shape), QUALITY), object)

    def encoded(image, *beside):
        images = numpy_function(encode, [image], tf.string)
        return tf.ensure_shape(images, image.shape[:1]), *beside

    for images, *beside in source.chunks(change=encoded):
        store.images.extend(images.numpy())
        store.beside.append([part.numpy() for part in beside])
        yield len(store.images)


def batches(store: Store, features: tuple[Feature, ...], epochs: Epochs) -> Loading:
    """Batches of the store's examples."""
    image, *others = features
    images = store.images
    arrays = [tf.constant(part) for part in numbers_of(store)]

    def decode(numbers):
        rows = aligned_rows(len(numbers), image.row_bytes)
        jpeg.decode_whole([images[number] for number in numbers], image.shape[2], rows)
        return rows

    @traced
    def gather(numbers):
        rows = numpy_function(decode, [numbers], tf.uint8)
        rows = tf.ensure_shape(rows, (numbers.shape[0], image.row_bytes))
        beside = (f.restore(tf.gather(a, numbers)) for f, a in zip(others, arrays, strict=True))
        return image.restore(rows), *beside

    return epochs.numbers(), gather


def numbers_of(store: Store) -> list[np.ndarray]:
    """What stands beside the images, (examples,) a feature."""
    return [np.concatenate(chunks) for chunks in zip(*store.beside, strict=True)]
