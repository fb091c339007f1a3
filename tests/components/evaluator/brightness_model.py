"""A real SavedModel with the project's signatures that tells grey images by brightness."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from components.image_decode import decode_image

LEVELS = 16  # brightness steps between two neighbouring classes


def encoded_image(brightness, size=4):
    """A PNG of one grey, brightness in 0..255."""
    file = io.BytesIO()
    Image.fromarray(np.full((size, size), brightness, np.uint8)).save(file, "PNG")
    return file.getvalue()


def example(label, brightness):
    """A serialized raw tf.train.Example; label int, bytes or None."""
    feature = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded_image(brightness)])),
        "other": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0])),
    }
    if isinstance(label, bytes):
        feature["label"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[label]))
    elif label is not None:
        feature["label"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def save_brightness_model(
    folder, names, answers=None, label_type=tf.string, size=8, any_format=False
):
    """Saves a model that takes an image of brightness k * LEVELS for class k.

    Args:
      names: the model's vocabulary.
      answers: the class it gives for each k, by position; default: k itself.
      label_type: tf.string for labels that are names, tf.int64 for labels "0", "1", ...
      size: the image size that it resizes to.
      any_format: decodes images as the project's models do; a graph of PNGs alone loads and
        runs in a third of the time.
    """
    folder.mkdir(parents=True)
    vocabulary = folder.parent / f"{folder.name}-vocabulary"
    vocabulary.mkdir()
    (vocabulary / "labels").write_text("\n".join(names) + "\n")
    answers = list(range(len(names))) if answers is None else answers
    module = tf.Module()
    module.vocabulary = tf.saved_model.Asset(str(vocabulary / "labels"))
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            module.vocabulary.asset_path,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
    )

    def brightness(encoded):
        decoded = decode_image(encoded, 1, True) if any_format else tf.io.decode_png(encoded, 1)
        return tf.reduce_mean(tf.image.resize(decoded, [size, size]))  # of (size, size, 1) float32

    def classify(images):
        level = tf.map_fn(brightness, images, fn_output_signature=tf.float32)  # (batch,)
        nearest = tf.cast(tf.round(level / LEVELS), tf.int32)
        classes = tf.gather(answers, tf.minimum(nearest, len(answers) - 1))
        # The class gets 0.6, and the others share the rest in falling order.
        rest = tf.range(len(names), 0, -1, tf.float32) * (1.0 - tf.one_hot(classes, len(names)))
        rest = 0.4 * rest / tf.reduce_sum(rest, axis=1, keepdims=True)
        return {
            "class": tf.cast(classes, tf.int64),
            "label": tf.gather(tf.constant(names), classes),
            "probabilities": 0.6 * tf.one_hot(classes, len(names)) + rest,
        }

    image_spec = {"image": tf.io.FixedLenFeature([], tf.string)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(examples):
        return classify(tf.io.parse_example(examples, image_spec)["image"])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(examples):
        spec = image_spec | {"label": tf.io.FixedLenFeature([], label_type)}
        parsed = tf.io.parse_example(examples, spec)
        texts = (
            parsed["label"] if label_type == tf.string else tf.strings.as_string(parsed["label"])
        )
        return {"image": parsed["image"], "label": module.table.lookup(texts)}

    tf.saved_model.save(
        module,
        str(folder),
        signatures={"serve_examples": serve_examples, "transform_features": transform_features},
    )
