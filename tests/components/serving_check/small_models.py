"""Small models with the project's signatures, sound or broken on purpose."""

import inspect
import io

import numpy as np
import tensorflow as tf
from PIL import Image

from components.tasks.multi_label import signature

SIDE = 4
LABELS = [
    "cat",
    "dog",
    "owl\u2028",
]  # The last is a line break of Unicode, and none of a vocabulary.
# Of several labels, for which the pictures have two each.
THRESHOLDS = np.array([0.5, 0.5, 0.1], np.float32)
_BYTES = [bytes([value]) for value in range(256)]


def encoded(pixels):
    """(SIDE, SIDE) uint8 as a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def example(image, mask=None):
    """An Example whose mask is its image if no other is given."""
    made = tf.train.Example()
    for name, value in (("image", image), ("label", b"dog"), ("mask", mask or image)):
        made.features.feature[name].bytes_list.value.append(value)
    return made.SerializeToString()


def probabilities_of(images, task="classification"):
    """float32 of (batch, SIDE, SIDE) uint8, the models' only knowledge: (batch, classes),
    or (batch, SIDE, SIDE, classes) for segmentation."""
    level = tf.cast(images, tf.float32) / 255
    if task != "segmentation":
        level = tf.reduce_mean(level, axis=[1, 2])
    return tf.nn.softmax(tf.stack([level * 3, 1 - level, level * level], axis=-1))


def save_model(
    folder, task="classification", labels=LABELS, names=None, darker=0, one_crashes=False,
    large_differs=False, slow=0, nan_above=None, sees=SIDE, mask_shift=0, on_corrupt=None,
    needs=None, network_differs=False, not_exportable=False,
):  # fmt: skip
    """Saves a model; each argument but the first two is a fault.

    Args:
      folder: where to.
      task: classification, multi_label or segmentation.
      labels: what the graph calls the classes.
      names: what the vocabulary calls them, unless the same.
      darker: divides the pixels by one more than this.
      one_crashes: a batch of one is an error.
      large_differs: the last answer of a batch above 32 is another.
      slow: matrix products of 700 x 700 in each request.
      nan_above: the probabilities of a batch above this are not numbers.
      sees: height and width of the images that the network alone takes.
      mask_shift: added to the classes of the mask.
      on_corrupt: "answer" a corrupt image as a black one, or "die" of it.
      needs: a file that each request reads.
      network_differs: the network alone gives other probabilities.
      not_exportable: it has an operation that other formats lack.
    """
    module = tf.Module()
    module.vocabulary, module.table = _vocabulary(folder, names or labels)

    def pixels(texts):
        decode = _decode if on_corrupt is None else lambda text: _decode_or(text, on_corrupt)
        return tf.map_fn(decode, texts, fn_output_signature=tf.uint8) // (1 + darker)

    def answer(texts):
        images = pixels(texts)
        if needs:
            images += tf.cast(tf.strings.length(tf.io.read_file(needs)) // 1000, tf.uint8)
        if one_crashes:
            with tf.control_dependencies([tf.debugging.assert_greater(tf.shape(images)[0], 1)]):
                images = tf.identity(images)
        probabilities = probabilities_of(images, task)
        if slow:
            square = tf.fill([700, 700], tf.reduce_mean(probabilities))
            for _ in range(slow):
                square = tf.linalg.matmul(square, square) / 1e3
            probabilities += 1e-9 * tf.clip_by_value(tf.reduce_sum(square), 0.0, 1.0)
        if large_differs:
            of_last = tf.one_hot(tf.shape(images)[0] - 1, tf.shape(images)[0])
            is_large = tf.cast(tf.shape(images)[0] > 32, tf.float32)
            off = 1e-4 * is_large * of_last
            probabilities += tf.reshape(off, [-1] + [1] * (len(probabilities.shape) - 1))
        if nan_above is not None:
            is_above = tf.shape(images)[0] > nan_above
            probabilities = tf.where(is_above, float("nan"), probabilities)
        best = tf.argmax(probabilities, axis=-1)
        if task == "segmentation":
            mask = tf.cast((best + mask_shift) % len(labels), tf.uint8)
            return {"mask": mask, "probabilities": probabilities}
        if task == "multi_label":
            return signature.answer(probabilities, tf.constant(labels), THRESHOLDS)
        name = tf.gather(tf.constant(labels), best)
        return {"class": best, "label": name, "probabilities": probabilities}

    def transformed(texts):
        if task == "segmentation":
            return {
                key: _raw(pixels(text)) for key, text in _parsed(texts, "image", "mask").items()
            }
        features = _parsed(texts, "image", "label")
        label = module.table.lookup(features["label"])
        if task == "multi_label":
            labels = _raw(tf.one_hot(label, len(names or LABELS), dtype=tf.uint8))
            return {"image": _raw(pixels(features["image"])), "labels": labels}
        return {"image": _raw(pixels(features["image"])), "label": label}

    functions = {
        "serving_default": lambda image: answer(image),
        "serve_examples": lambda examples: answer(_parsed(examples, "image")["image"]),
        "transform_features": lambda examples: transformed(examples),
    }

    @tf.function(input_signature=[tf.TensorSpec([None, sees, sees, 1], tf.uint8)])
    def network(pixels):
        answers = probabilities_of(pixels[..., 0], task)
        if not_exportable:
            ones = tf.ones_like(answers)
            answers = tf.math.betainc(ones, ones, answers)  # the identity
        return answers + 0.2 * network_differs

    module.network = network.get_concrete_function()
    signatures = {}
    for name, function in functions.items():
        [argument] = inspect.signature(function).parameters
        spec = tf.TensorSpec([None], tf.string, name=argument)
        signatures[name] = tf.function(function, input_signature=[spec]).get_concrete_function()
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _vocabulary(folder, names):
    place = folder.parent / f"{folder.name}-vocabulary"
    place.mkdir(parents=True)
    (place / "labels").write_text("\n".join(names) + "\n")
    asset = tf.saved_model.Asset(str(place / "labels"))
    initial = tf.lookup.TextFileInitializer(
        asset.asset_path, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    return asset, tf.lookup.StaticHashTable(initial, -1)


def _parsed(texts, *features):
    spec = dict.fromkeys(features, tf.io.FixedLenFeature([], tf.string))
    return tf.io.parse_example(texts, spec)


def _raw(pixels):
    def joined(one):
        return tf.strings.reduce_join(tf.gather(_BYTES, tf.cast(one, tf.int32)))

    return tf.map_fn(joined, pixels, fn_output_signature=tf.string)


def _decode(text):
    return tf.reshape(tf.io.decode_png(text, channels=1), [SIDE, SIDE])


def _decode_or(text, on_corrupt):
    def instead():
        black = tf.zeros([SIDE, SIDE], tf.uint8)
        if on_corrupt == "answer":
            return black
        # Of the whole process, as a fault in a native operation would do it.
        with tf.control_dependencies([tf.raw_ops.Abort(error_msg="native fault")]):
            return tf.identity(black)

    is_corrupt = tf.strings.substr(text, -13, 13) == "not a picture"
    return tf.cond(is_corrupt, instead, lambda: _decode(text))
