"""A real SavedModel with the signatures of segmentation that tells grey pixels by brightness."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from components.transform.image_ops import raw_bytes

LEVELS = 16  # brightness steps between two neighbouring classes
GROUND = ("sky", "sea", "land")
SIZE = 8
NOTHING = 200  # a mask's value of no class
MASKS = {
    "mask_feature": "mask",
    "mask_classes": {name: value for value, name in enumerate(GROUND)},
}


def png(pixels):
    """An encoded picture; `pixels` (height, width) uint8."""
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


def example(image, mask):
    """A serialized raw tf.train.Example; encoded image and mask, the latter bytes or None."""
    encoded = {"image": image} | ({} if mask is None else {"mask": mask})
    feature = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in encoded.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def confidence(shades):
    """Probability of the answered class, by the brightness that was answered."""
    return 0.5 + 0.4 * (shades % LEVELS) / LEVELS


def save_shade_model(folder, names, values=None, answers=None, size=8):
    """Saves a model that takes pixels of brightness k * LEVELS + 0..LEVELS-1 for class k.

    The other classes share what `confidence` leaves.

    Args:
      names: the model's vocabulary.
      values: the masks' pixel value of each class; default: 0, 1, ...
      answers: the class it gives for each k, by position; default: k itself.
      size: images and masks are brought to size x size pixels, the nearest ones.
    """
    folder.mkdir(parents=True)
    vocabulary = folder.parent / f"{folder.name}-vocabulary"
    vocabulary.mkdir()
    (vocabulary / "labels").write_text("\n".join(names) + "\n")
    answers = list(range(len(names))) if answers is None else answers
    ids = np.full(256, 255)
    ids[list(range(len(names)) if values is None else values)] = range(len(names))
    module = tf.Module()
    module.vocabulary = tf.saved_model.Asset(str(vocabulary / "labels"))

    def pixels(encoded):
        def decode(one):
            picture = tf.io.decode_png(one, channels=1)
            return tf.image.resize(picture, [size, size], "nearest")[..., 0]

        decoded = tf.map_fn(decode, encoded, fn_output_signature=tf.uint8)
        return tf.ensure_shape(decoded, [None, size, size])

    def to_bytes(images):
        return tf.map_fn(
            lambda one: raw_bytes(one, size * size), images, fn_output_signature=tf.string
        )

    image_spec = {"image": tf.io.FixedLenFeature([], tf.string)}
    mask_spec = {"mask": tf.io.FixedLenFeature([], tf.string)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(examples):
        shades = pixels(tf.io.parse_example(examples, image_spec)["image"])
        bands = tf.minimum(tf.cast(shades, tf.int32) // LEVELS, len(answers) - 1)
        classes = tf.gather(answers, bands)  # (batch, size, size)
        sure = confidence(tf.cast(shades, tf.float32))[..., tf.newaxis]
        said = tf.one_hot(classes, len(names))
        probabilities = said * sure + (1.0 - said) * (1.0 - sure) / (len(names) - 1)
        return {"mask": tf.cast(classes, tf.uint8), "probabilities": probabilities}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(examples):
        parsed = tf.io.parse_example(examples, image_spec | mask_spec)
        masks = tf.gather(tf.constant(ids, tf.uint8), tf.cast(pixels(parsed["mask"]), tf.int32))
        return {"image": to_bytes(pixels(parsed["image"])), "mask": to_bytes(masks)}

    tf.saved_model.save(
        module,
        str(folder),
        signatures={"serve_examples": serve_examples, "transform_features": transform_features},
    )


def pictures(number, seed=0, right=0.7):
    """[(shades, mask values)]: most pixels as the mask says, some of no class."""
    chance = np.random.default_rng(seed)
    made = []
    for _ in range(number):
        mask = chance.integers(0, len(GROUND), (SIZE, SIZE))
        seen = np.where(chance.random(mask.shape) < right, mask, chance.integers(0, 3, mask.shape))
        shades = seen * LEVELS + chance.integers(0, LEVELS, mask.shape)
        made.append((shades, np.where(chance.random(mask.shape) < 0.1, NOTHING, mask)))
    return made


def by_hand(made):
    """Where there is a class: truth (pixels,), prediction (pixels,), probabilities (pixels, n)."""
    shades, masks = (np.stack(part).ravel() for part in zip(*made, strict=True))
    shades, truth = shades[masks != NOTHING], masks[masks != NOTHING]
    predicted, sure = shades // LEVELS, confidence(shades)
    probabilities = np.repeat((1 - sure)[:, np.newaxis] / 2, 3, axis=1)
    probabilities[np.arange(len(truth)), predicted] = sure
    return truth, predicted, probabilities
