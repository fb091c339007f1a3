"""Real requests, from raw Examples."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from components.transform.corrupt_images import corruption
from files import tfrecords
from files.places import files_in

CLASSIFY = ("serving_default", "serve_examples")  # encoded images, raw Examples
TRANSFORM = "transform_features"
_CHANNELS = 3  # An image that decodes to grey also decodes to colour.
_CORRUPT = b"\x89PNG\r\n\x1a\nthis is no picture"


@dataclass(frozen=True)
class Requests:
    """What each signature is asked: the same images for all."""

    texts: Mapping[str, Sequence[bytes]]
    corrupt: Mapping[str, bytes]  # a request with a corrupt image


def from_examples(split_uri: str, image_feature: str, most: int) -> Requests:
    """Requests of the first `most` Examples.

    Examples with a corrupt image are skipped, as Transform dropped them.

    Args:
      split_uri: folder of TFRecord shards.
      image_feature: the feature with the encoded image.
      most: how many, from the first shard.
    """
    shards = files_in(split_uri)
    records = tfrecords.records(shards[0])
    sound = (record for record in records if corruption(record, image_feature, _CHANNELS) is None)
    examples = list(itertools.islice(sound, most))
    broken = tf.train.Example.FromString(examples[0])
    broken.features.feature[image_feature].bytes_list.value[0] = _CORRUPT
    by_image, by_example = CLASSIFY
    return Requests(
        {
            by_image: [_image(example, image_feature) for example in examples],
            by_example: examples,
            TRANSFORM: examples,
        },
        {by_image: _CORRUPT, by_example: broken.SerializeToString()},
    )


def _image(example: bytes, feature: str) -> bytes:
    return tf.train.Example.FromString(example).features.feature[feature].bytes_list.value[0]
