"""What is measured: tf.data as it is usually written, and ours.

Every variant gives batches of 64 images 224x224x3. Those of "first" start from JPEGs, and
their whole first epoch counts, from building on; those of "later" have had an epoch before.
"""

from collections.abc import Callable

import tensorflow as tf

from benchmarks.input.photographs import BATCH, SHAPE, Photographs
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions

AUTOTUNE = tf.data.AUTOTUNE
_JPEG_EXAMPLE = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
}


def _parse(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Pixels as float32 in 0..255, and the label."""
    example = tf.io.parse_single_example(serialized, _JPEG_EXAMPLE)
    image = tf.image.resize(tf.io.decode_jpeg(example["image"], channels=3), SHAPE[:2])
    return image, example["label"]


def _flipped(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As tutorials do it: float32 in 0..1, flipped at random."""
    image, label = _parse(serialized)
    return tf.image.random_flip_left_right(image) / 255.0, label


def _usual(photographs: Photographs) -> tf.data.Dataset:
    records = tf.data.TFRecordDataset(photographs.encoded)
    # TensorFlow 2.21 makes a plain map parallel and adds a prefetch by itself.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.map_parallelization = False
    options.experimental_optimization.inject_prefetch = False
    return records.map(_flipped).shuffle(1000).batch(BATCH).with_options(options)


def _parallel(photographs: Photographs) -> tf.data.Dataset:
    files = tf.data.Dataset.from_tensor_slices(photographs.encoded)
    records = files.interleave(tf.data.TFRecordDataset, num_parallel_calls=AUTOTUNE)
    batches = records.shuffle(1000).map(_flipped, AUTOTUNE).batch(BATCH)
    return batches.prefetch(AUTOTUNE)


def _usual_cached(photographs: Photographs) -> tf.data.Dataset:
    """What a careful user writes: decoded uint8 cached, then shuffled."""

    def parse(serialized):
        image, label = _parse(serialized)
        return tf.cast(image, tf.uint8), label

    records = tf.data.TFRecordDataset(photographs.encoded).map(parse, AUTOTUNE).cache()
    batches = records.shuffle(photographs.count).repeat().batch(BATCH, num_parallel_calls=AUTOTUNE)
    return batches.prefetch(AUTOTUNE)


def _ours(strategy: str, encoded: bool = False) -> Callable:
    def build(photographs: Photographs) -> tf.data.Dataset:
        cache_dir = str(photographs.folder / "cache")
        return input_function(
            photographs.encoded if encoded else photographs.raw,
            SHAPE,
            BATCH,
            training=True,
            encoded=encoded,
            options=FeedOptions(
                seed=1,
                strategy=strategy,
                cache_dir=cache_dir,
                repeat=False if encoded else None,
            ),
        ).dataset

    return build


USUAL = "tf.data as usually written, automatic parallelism off"
OURS_MEMORY = "ours, memory"
OURS_FIRST = "ours, JPEG to memory"
# name: (kind, function from the photographs to a dataset, which is endless for "later")
VARIANTS = {
    USUAL: ("first", _usual),
    "tf.data, parallel map and prefetch, shards": ("first", _parallel),
    OURS_FIRST: ("first", _ours("memory", encoded=True)),
    "tf.data, uint8 cache → shuffle → parallel batch": ("later", _usual_cached),
    OURS_MEMORY: ("later", _ours("memory")),
    "ours, local disk, page cache warm": ("later", _ours("disk")),
    "ours, streaming raw pixels, page cache warm": ("later", _ours("streaming")),
}
