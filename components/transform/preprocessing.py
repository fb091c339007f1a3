"""The one preprocessing graph: raw features in, the model's features out."""

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_transform as tft

from components.transform import analyzers, image_ops, mask_ops
from components.transform.options import Preprocessing

VOCABULARY = "labels"  # name of the vocabulary, as TFTransformOutput.vocabulary_by_name knows it
PIXEL_STATISTICS = "pixel_statistics.json"
OUT_OF_VOCABULARY = -1


def label_texts(labels: tf.Tensor, class_names: Sequence[str] | None) -> tf.Tensor:
    """Labels as they stand in the vocabulary.

    Args:
      labels: (batch,) int64 class ids, or string.
      class_names: the names of the ids 0, 1, ...; None when there are none.

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


def transform(
    inputs: Mapping[str, tf.Tensor],
    options: Preprocessing,
    class_names: Sequence[str] | None,
    vocabulary_file: str | tf.Tensor | None,
) -> dict[str, tf.Tensor]:
    """Transforms a batch with a vocabulary that is known.

    Args:
      inputs: options.image_feature: (batch,) string, encoded images;
        options.label_feature: (batch,) int64 or string; or
        options.mask_feature: (batch,) string, encoded masks.
      options: the size and the names.
      class_names: see `label_texts`.
      vocabulary_file: path of a file with one label a line; None beside masks.

    Returns:
      image: (batch,) string, raw uint8 of exactly height * width * channels bytes.
      label: (batch,) int64, the label's line in the vocabulary, -1 when it has none; or
      mask: (batch,) string, raw uint8 class ids of exactly height * width bytes, 255 of
        pixels of no class.
    """
    if options.mask_feature is not None:
        images, sizes = image_ops.images_and_sizes(inputs[options.image_feature], options)
        masks = mask_ops.masks_to_bytes(inputs[options.mask_feature], sizes, options)
        return {"image": images, "mask": masks}
    texts = label_texts(inputs[options.label_feature], class_names)
    return {
        "image": image_ops.images_to_bytes(inputs[options.image_feature], options),
        "label": tft.apply_vocabulary(
            texts, vocabulary_file, default_value=OUT_OF_VOCABULARY, name=VOCABULARY
        ),
    }


def preprocessing_fn(
    inputs: Mapping[str, tf.Tensor], options: Preprocessing, class_names: Sequence[str] | None
) -> dict[str, tf.Tensor]:
    """`transform`, with what it needs to know analysed over the training split.

    The assets `labels` and `pixel_statistics.json` are the analyses' results; of masks the
    labels are known without one.
    """
    vocabulary_file = None
    if options.mask_feature is None:
        vocabulary_file = analyzers.analyze(
            analyzers.LabelVocabulary(class_names), inputs[options.label_feature], VOCABULARY
        )
    outputs = transform(inputs, options, class_names, vocabulary_file)
    analyzers.analyze(
        analyzers.PixelStatistics(options),
        analyzers.pixel_sums(outputs["image"], options),
        PIXEL_STATISTICS,
    )
    return outputs
