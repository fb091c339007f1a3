"""Real requests, from raw Examples."""

import glob
import os

import tensorflow as tf


def from_examples(split_uri: str, image_feature: str, most: int) -> dict[str, list[bytes]]:
    """The first `most` Examples as requests by signature: encoded images and Examples.

    Args:
      split_uri: folder of TFRecord shards.
      image_feature: the feature with the encoded image.
      most: how many, from the first shard.
    """
    shards = sorted(tf.io.gfile.glob(os.path.join(glob.escape(split_uri), "*")))
    compression = "GZIP" if shards[0].endswith(".gz") else None
    records = tf.data.TFRecordDataset(shards[0], compression).take(most).as_numpy_iterator()
    examples = list(records)
    images = [
        tf.train.Example.FromString(record).features.feature[image_feature].bytes_list.value[0]
        for record in examples
    ]
    return {
        "serving_default": images,
        "serve_examples": examples,
        "transform_features": examples,
    }
