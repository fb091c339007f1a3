"""Real requests, from raw Examples."""

import glob
import itertools
import os

import tensorflow as tf

from components.transform.corrupt_images import corruption

_CHANNELS = 3  # Whatever decodes to grey decodes to colour as well.


def from_examples(split_uri: str, image_feature: str, most: int) -> dict[str, list[bytes]]:
    """The first `most` Examples as requests by signature: encoded images and Examples.

    Those whose image is corrupt are passed over, as Transform dropped them.

    Args:
      split_uri: folder of TFRecord shards.
      image_feature: the feature with the encoded image.
      most: how many, from the first shard.
    """
    shards = sorted(tf.io.gfile.glob(os.path.join(glob.escape(split_uri), "*")))
    compression = "GZIP" if shards[0].endswith(".gz") else None
    records = tf.data.TFRecordDataset(shards[0], compression).as_numpy_iterator()
    sound = (record for record in records if corruption(record, image_feature, _CHANNELS) is None)
    examples = list(itertools.islice(sound, most))
    images = [
        tf.train.Example.FromString(record).features.feature[image_feature].bytes_list.value[0]
        for record in examples
    ]
    return {
        "serving_default": images,
        "serve_examples": examples,
        "transform_features": examples,
    }
