"""The one preprocessing graph: raw features in, the model's features out."""

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_transform as tft

from components.transform import image_ops, mask_ops, multi_hot
from components.transform.vocabulary import NAME
from settings.data import Features
from settings.preprocessing import Preprocessing

OUT_OF_VOCABULARY = -1


def label_texts(labels: tf.Tensor, class_names: Sequence[str] | None) -> tf.Tensor:
    """Labels, (batch,) int64 class ids or string, as they stand in the vocabulary.

    Returns:
      (batch,) string; an id without a name is "", which is in no vocabulary.
    """
    if labels.dtype == tf.string:
        return labels
    if class_names is None:
        return tf.strings.as_string(labels)
    names = tf.constant(["", *class_names])
    known = (labels >= 0) & (labels < len(class_names))
    return tf.gather(names, tf.where(known, labels + 1, 0))


def preprocessing_fn(
    inputs: Mapping[str, tf.Tensor],
    options: Preprocessing,
    features: Features,
    class_names: Sequence[str] | None,
    vocabulary_file: str | None,
    classes: int = 0,
) -> dict[str, tf.Tensor]:
    """Transforms a batch.

    Args:
      inputs: the image feature: (batch,) string, encoded images;
        the label feature: (batch,) int64 or string, or with several labels (batch, most) sparse; or
        the mask feature: (batch,) string, encoded masks.
      class_names: see `label_texts`.
      vocabulary_file: path of a file with one label a line; None for masks.
      classes: how many lines it has.

    Returns:
      image: (batch,) string, raw uint8 of exactly height * width * channels bytes.
      label: (batch,) int64, the label's line in the vocabulary, -1 for labels not in it;
      labels: (batch,) string, raw uint8, a byte for each line: 1 for those of the labels; or
      mask: (batch,) string, raw uint8 class ids of exactly height * width bytes, 255 for
        pixels of no class.
    """
    images, sizes = image_ops.images_and_sizes(inputs[features.image_feature], options)
    if features.target == "mask":
        masks = mask_ops.masks_to_bytes(
            inputs[features.mask_feature],
            sizes,
            options,
            features.mask_values,
            features.mask_colours,
        )
        return {"image": images, "mask": masks}

    def ids(labels):
        texts = label_texts(labels, class_names)
        return tft.apply_vocabulary(
            texts, vocabulary_file, default_value=OUT_OF_VOCABULARY, name=NAME
        )

    labels = inputs[features.label_feature]
    if features.target == "label":
        return {"image": images, "label": ids(labels)}
    rows, batch = labels.indices[:, 0], labels.dense_shape[0]
    return {
        "image": images,
        "labels": multi_hot.multi_hot(rows, ids(labels.values), batch, classes),
    }
