"""The one preprocessing graph: raw features in, the model's features out."""

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft

from components.transform import image_ops, labels
from components.transform.job import Job
from components.transform.vocabulary import NAME


def preprocessing_fn(
    inputs: Mapping[str, tf.Tensor], job: Job, vocabulary_file: str | None
) -> dict[str, tf.Tensor]:
    """Transforms a batch.

    Args:
      inputs: the image feature: (batch,) string, encoded images;
        the label feature: (batch,) int64 or string, or with several labels (batch, most) sparse; or
        the mask feature: (batch,) string, encoded masks.
      vocabulary_file: path of a file with one label a line; None for masks.

    Returns:
      image: (batch,) string, raw uint8 of exactly height * width * channels bytes.
      label: (batch,) int64, the label's line in the vocabulary, -1 for labels not in it;
      labels: (batch,) string, raw uint8, a byte for each line: 1 for those of the labels; or
      mask: (batch,) string, raw uint8 class ids of exactly height * width bytes, 255 for
        pixels of no class.
    """

    def ids(found):
        return tft.apply_vocabulary(
            labels.texts(found, job.class_names),
            vocabulary_file,
            default_value=labels.OUT_OF_VOCABULARY,
            name=NAME,
        )

    features = job.features
    images, sizes = image_ops.images_and_sizes(inputs[features.image_feature], job.options)
    target = job.part.transformed(inputs[features.target_feature], sizes, ids, job)
    return {"image": images, features.target: target}
