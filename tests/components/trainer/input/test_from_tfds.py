"""TFDS names in notebooks and hand-written loops, and the decoding that they need."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.trainer.input import order
from components.trainer.input.decode import decode_images, decode_masks
from components.trainer.input.function import from_tfds, input_function
from failures import Failure
from tests.components.trainer.input.conftest import fed


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("tfds"))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["memory", "disk", "streaming"])
def test_digits_by_name(strategy, data_dir, tmp_path):
    made = fed(
        from_tfds,
        "digits",
        "train[:100]",
        (28, 28, 1),
        25,
        training=True,
        data_dir=data_dir,
        seed=1,
        strategy=strategy,
        cache_dir=str(tmp_path),
    )
    assert (made.examples, made.steps_per_epoch) == (100, 4)
    seen = [images.tobytes() for batch in made.dataset.take(4) for images in batch[0].numpy()]
    assert len(set(seen)) > 95  # two children may have drawn the same eight by eight digit


@pytest.mark.slow
def test_the_same_dataset_serves_fit_and_next_and_numpy(data_dir):
    made = fed(
        from_tfds, "digits", "train", (14, 14, 1), 32, training=True, data_dir=data_dir, seed=1
    )
    images, labels = next(iter(made.dataset))
    assert (images.shape, labels.dtype) == ((32, 14, 14, 1), tf.int64)
    as_numpy, _ = next(made.dataset.as_numpy_iterator())
    np.testing.assert_array_equal(as_numpy, images)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=False)
    model.fit(made.dataset, steps_per_epoch=3, epochs=2, verbose=0)


@pytest.mark.parametrize(
    ("name", "split", "image", "said"),
    [
        ("digits", "training", "image", r"no split 'training'. Choose from: .*train"),
        ("digits", "train", "picture", r"no feature 'picture'. Choose from: image, label"),
    ],
)
def test_what_is_not_there_is_one_clear_line(name, split, image, said, data_dir):
    with pytest.raises(Failure, match=said):
        fed(from_tfds, name, split, (8, 8, 1), 4, training=True, image=image, data_dir=data_dir)


@pytest.mark.slow
def test_images_that_are_large_before_they_are_resized_are_held_by_few(tmp_path, monkeypatch):
    path, noise = str(tmp_path / "shard"), np.random.default_rng(0)
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(10):
            example = tf.train.Example()
            image = _encode(noise.integers(0, 256, (200, 200, 3), np.uint8), "PNG")
            example.features.feature["image"].bytes_list.value.append(image)
            example.features.feature["label"].int64_list.value.append(number)
            writer.write(example.SerializeToString())
    monkeypatch.setattr(order, "WINDOW_BYTES", 500_000)
    seen = []
    for strategy in ("memory", "streaming"):
        made = fed(
            input_function,
            [path],
            (8, 8, 3),
            2,
            training=True,
            encoded=True,
            seed=1,
            strategy=strategy,
        )
        assert 120_000 < made.source.stored_bytes < 122_000
        assert made.source.chunk == (4 << 20) // made.source.stored_bytes
        assert made.order.window == 4  # of 42,000 images of 8x8
        seen.append([labels.tolist() for _, labels in made.dataset.take(10).as_numpy_iterator()])
    assert seen[0] == seen[1]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["memory", "streaming"])
def test_the_examples_of_an_example_gen_are_decoded_on_the_way(strategy, tmp_path):
    path = str(tmp_path / "data_tfrecord-00000-of-00001")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(10):
            image = _encode(np.full((20, 30, 3), number * 20, np.uint8), "JPEG")
            feature = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    made = fed(
        input_function, [path], (8, 8, 3), 5, training=True, seed=1, encoded=True, strategy=strategy
    )
    assert (made.examples, made.steps_per_epoch) == (10, 2)
    for images, labels in made.dataset.take(4).as_numpy_iterator():
        assert images.shape == (5, 8, 8, 3)
        assert np.abs(images.mean(axis=(1, 2, 3)) - labels * 20).max() < 2


def _photograph(width: int, height: int) -> np.ndarray:
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)


def _encode(picture: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
@pytest.mark.parametrize("size", [(500, 375), (64, 64), (2000, 1500), (40, 30)])
def test_images_of_any_size_and_kind_come_out_alike(kind, size):
    encoded = tf.constant([_encode(_photograph(*size), kind)])
    decode = tf.function(lambda images: decode_images(images, (64, 64, 3)))
    for rows in (decode_images(encoded, (64, 64, 3)), decode(encoded)):
        pixels = rows.numpy().reshape(64, 64, 3).astype(int)
        assert np.abs(pixels - _photograph(64, 64)).max() <= 12


def test_the_decoder_shrinks_only_what_needs_no_enlarging_afterwards():
    noise = np.random.default_rng(1).integers(0, 256, (30, 40), np.uint8)
    picture = Image.fromarray(noise).resize((500, 375), Image.BICUBIC).convert("RGB")
    encoded = tf.constant([_encode(np.asarray(picture), "JPEG")])

    def rows(side):
        return decode_images(encoded, (side, side, 3)).numpy().astype(int)

    def resized(ratio, side):
        image = tf.io.decode_jpeg(encoded[0], channels=3, ratio=ratio)
        return tf.image.resize(image, (side, side)).numpy().reshape(1, -1)

    def differ(one, other):
        return np.abs(one - other).mean()

    assert differ(rows(224), resized(1, 224)) < 1  # a half would be 188 high
    assert differ(rows(180), resized(2, 180)) < 1


def test_grey_is_kept_grey():
    encoded = tf.constant([_encode(_photograph(20, 20)[:, :, 0], "PNG")])
    rows = decode_images(encoded, (20, 20, 1))
    np.testing.assert_array_equal(rows[0], _photograph(20, 20)[:, :, 0].reshape(-1))


@pytest.mark.slow
def test_masks_keep_their_values():
    mask = np.kron(np.array([[1, 2], [3, 1]], np.uint8), np.ones((50, 50), np.uint8))
    rows = decode_masks(tf.constant([_encode(mask, "PNG")]), (10, 10, 1))
    np.testing.assert_array_equal(rows[0].numpy().reshape(10, 10), mask[::10, ::10])


def test_bytes_that_are_no_image_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_images(tf.constant([b"no image"]), (8, 8, 3))
