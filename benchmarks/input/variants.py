"""What is measured: tf.data as it is usually written, TFX's own way, and ours.

Every variant gives batches of 64 images 224x224x3. Those of "first" start from JPEGs, and
their whole first epoch counts, from building on; those of "later" have had an epoch before.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from benchmarks.input.photographs import BATCH, SHAPE, Photographs
from components.trainer.input.function import input_function
from components.trainer.input.options import FeedOptions

AUTOTUNE = tf.data.AUTOTUNE
_JPEG_EXAMPLE = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
}


@dataclasses.dataclass(frozen=True)
class Variant:
    """One pipeline.

    Attributes:
      name: a line of the table.
      kind: "first" or "later".
      build: photographs -> its dataset, endless for "later".
      cold: whether the page cache is dropped before each round.
    """

    name: str
    kind: str
    build: Callable[[Photographs], Any]
    cold: bool = False

    def iterator(self, photographs: Photographs) -> Iterator:
        return iter(self.build(photographs))


def _decode(jpeg: tf.Tensor) -> tf.Tensor:
    """As tutorials do it: float32 in 0..1, flipped at random."""
    image = tf.image.resize(tf.io.decode_jpeg(jpeg, channels=3), SHAPE[:2])
    return tf.image.random_flip_left_right(image) / 255.0


def _parse(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    example = tf.io.parse_single_example(serialized, _JPEG_EXAMPLE)
    return _decode(example["image"]), example["label"]


def _read(file: tf.Tensor) -> tf.Tensor:
    return _decode(tf.io.read_file(file))


def _without_automatic_parallelism(dataset: tf.data.Dataset) -> tf.data.Dataset:
    # TensorFlow 2.21 makes a plain map parallel and adds a prefetch by itself.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.map_parallelization = False
    options.experimental_optimization.inject_prefetch = False
    return dataset.with_options(options)


def _usual(photographs: Photographs) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(photographs.encoded).map(_parse).shuffle(1000).batch(BATCH)


def _parallel(photographs: Photographs) -> tf.data.Dataset:
    files = tf.data.Dataset.from_tensor_slices(photographs.encoded)
    records = files.interleave(tf.data.TFRecordDataset, num_parallel_calls=AUTOTUNE)
    batches = records.shuffle(1000).map(_parse, AUTOTUNE).batch(BATCH)
    return batches.prefetch(AUTOTUNE)


def _loose(photographs: Photographs) -> tf.data.Dataset:
    files = tf.data.Dataset.from_tensor_slices(photographs.loose).shuffle(photographs.count)
    return files.map(lambda file: (_read(file), 0), AUTOTUNE).batch(BATCH).prefetch(AUTOTUNE)


def frozen(photographs: Photographs) -> tf.data.Dataset:
    """map → shuffle → batch → cache → repeat: the first epoch's batches for ever."""
    records = tf.data.TFRecordDataset(photographs.encoded)
    return records.map(_parse, AUTOTUNE).shuffle(1000).batch(BATCH).cache().repeat()


def _usual_cached(photographs: Photographs) -> tf.data.Dataset:
    """What a careful user writes: decoded uint8 cached, then shuffled."""

    def parse(serialized):
        example = tf.io.parse_single_example(serialized, _JPEG_EXAMPLE)
        image = tf.image.resize(tf.io.decode_jpeg(example["image"], channels=3), SHAPE[:2])
        return tf.cast(image, tf.uint8), example["label"]

    records = tf.data.TFRecordDataset(photographs.encoded).map(parse, AUTOTUNE).cache()
    batches = records.shuffle(photographs.count).repeat().batch(BATCH, num_parallel_calls=AUTOTUNE)
    return batches.prefetch(AUTOTUNE)


def _tfx(photographs: Photographs) -> tf.data.Dataset:
    """data_accessor.tf_dataset_factory over Transform's Examples, raw pixels."""
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx.components.util import tfxio_utils
    from tfx.types import artifact_utils, standard_artifacts
    from tfx_bsl.tfxio import dataset_options

    examples = standard_artifacts.Examples()
    examples.uri = str(photographs.folder)
    examples.split_names = artifact_utils.encode_split_names(["train"])
    schema = schema_pb2.Schema()
    for name, kind in (("image", schema_pb2.BYTES), ("label", schema_pb2.INT)):
        feature = schema.feature.add(name=name, type=kind)
        feature.presence.min_fraction = 1
        feature.shape.dim.add(size=1)
    factory = tfxio_utils.get_tf_dataset_factory_from_artifact([examples], [])
    batches = factory(
        photographs.raw,
        dataset_options.TensorFlowDatasetOptions(batch_size=BATCH, label_key="label"),
        schema,
    )

    def pixels(features, label):
        rows = tf.io.decode_raw(features["image"][:, 0], tf.uint8)
        return tf.reshape(rows, (-1, *SHAPE)), label

    return batches.map(pixels, AUTOTUNE).prefetch(AUTOTUNE)


def _ours(
    strategy: str, encoded: bool = False, times: int = 1, repeat: bool | None = None
) -> Callable:
    def build(photographs: Photographs) -> tf.data.Dataset:
        cache_dir = str(photographs.folder / "cache")
        return input_function(
            (photographs.encoded if encoded else photographs.raw) * times,
            SHAPE,
            BATCH,
            training=True,
            encoded=encoded,
            options=FeedOptions(seed=1, strategy=strategy, cache_dir=cache_dir, repeat=repeat),
        ).dataset

    return build


FROZEN = "tf.data, frozen: shuffle → batch → cache → repeat"
NAIVE = "tf.data as usually written, automatic parallelism off"
OURS_MEMORY = "ours, memory"
OURS_DISK = "ours, local disk, page cache dropped"
COLD_TIMES = 4  # the images: more than the shuffle buffer, which is filled within the time
OURS_FIRST = "ours, JPEG to memory"

VARIANTS = (
    Variant(NAIVE, "first", lambda p: _without_automatic_parallelism(_usual(p))),
    Variant("tf.data as usually written, automatic parallelism on", "first", _usual),
    Variant("tf.data, parallel map and prefetch, shards", "first", _parallel),
    Variant("tf.data, parallel map and prefetch, loose files", "first", _loose),
    Variant(OURS_FIRST, "first", _ours("memory", encoded=True, repeat=False)),
    Variant("ours, JPEG streaming", "first", _ours("streaming", encoded=True, repeat=False)),
    Variant(FROZEN, "later", frozen),
    Variant("tf.data, uint8 cache → shuffle → parallel batch", "later", _usual_cached),
    Variant("TFX tf_dataset_factory, raw pixels", "later", _tfx),
    Variant(OURS_MEMORY, "later", _ours("memory")),
    Variant("ours, local disk, page cache warm", "later", _ours("disk")),
    Variant(OURS_DISK, "later", _ours("disk", times=COLD_TIMES), cold=True),
    Variant("ours, streaming raw pixels, page cache warm", "later", _ours("streaming")),
)
