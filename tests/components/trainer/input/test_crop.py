"""Random windows of encoded images: the pixels of a whole decoding, without decoding the whole."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_image

from components.exif_orientation import turned
from components.trainer.input import jpeg
from components.trainer.input.crop import RandomCrop, Window, decode_window, decode_windows
from components.trainer.input.decode import decode_images
from components.trainer.input.function import input_function
from components.trainer.input.jpeg import quick_resizing
from failures import Failure
from tests.components.trainer.input.conftest import fed

WIDTH, HEIGHT = 317, 211
SHAPE = (64, 96, 3)  # so that windows of a quarter are not shrunk by the decoder
EXAMPLES, BATCH = 14, 4
HALF = RandomCrop(area=(0.25, 0.25), aspect=(1.5, 1.5))


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    return Image.fromarray(load_sample_image("china.jpg")).crop((150, 60, 150 + WIDTH, 60 + HEIGHT))


def _encoded(picture: Image.Image, kind="JPEG", **arguments) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 90} if kind == "JPEG" else {}), **arguments)
    return file.getvalue()


def _whole(image: bytes, channels=3, ratio=1) -> np.ndarray:
    """The quick decoding, of the whole picture."""
    return tf.io.decode_jpeg(
        image, channels, ratio, fancy_upscaling=False, dct_method="INTEGER_FAST"
    ).numpy()


@pytest.mark.parametrize(
    "arguments",
    [
        {"subsampling": "4:4:4"},
        {"subsampling": "4:2:2"},
        {"subsampling": "4:2:0"},
        {"subsampling": "4:2:0", "progressive": True},
        {"subsampling": "4:2:0", "restart_marker_rows": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("installed", [True, False], ids=["quick decoder", "TensorFlow"])
def test_a_window_decoded_alone_has_the_pixels_of_the_whole_picture(
    installed, mode, arguments, photograph, monkeypatch
):
    monkeypatch.setattr(jpeg, "available", lambda: installed)
    image = _encoded(photograph.convert(mode), **arguments)
    draws = np.random.default_rng(0).uniform(size=(8, 4))
    for channels in (1, 3):
        for ratio in (1, 2, 4, 8):
            whole = _whole(image, channels, ratio)
            for drawn in draws:
                window = RandomCrop().window(HEIGHT, WIDTH, drawn)
                found = decode_window(image, (HEIGHT, WIDTH), window, channels, ratio)
                top, left = window.top // ratio, window.left // ratio
                height, width, _ = found.shape
                assert abs(height - window.height / ratio) <= 1 or height == 1
                assert abs(width - window.width / ratio) <= 1 or width == 1
                expected = whole[top : top + height, left : left + width]
                np.testing.assert_array_equal(found, expected, f"{window} {ratio}")


def test_only_damage_above_the_end_of_a_window_is_met(photograph):
    image = _encoded(photograph)
    upper = Window(10, 20, 60, 90)
    found = decode_window(image[: 3 * len(image) // 4], (HEIGHT, WIDTH), upper, 3)
    np.testing.assert_array_equal(found, decode_window(image, (HEIGHT, WIDTH), upper, 3))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?i)jpeg"):
        decode_window(image[: len(image) // 4], (HEIGHT, WIDTH), upper, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_is_one_of_the_picture_as_people_see_it(orientation, photograph):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = _encoded(photograph, exif=exif)
    upright = turned(tf.constant(_whole(image)), orientation).numpy()
    drawn = np.array([0.5, 0.5, 0.3, 0.9])
    top, left, height, width = HALF.window(*upright.shape[:2], drawn)
    window = upright[top : top + height, left : left + width]
    np.testing.assert_array_equal(_cropped(image, orientation, drawn), _stretched(window))


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGB"), ("JPEG", "CMYK"), ("WEBP", "RGB")])
def test_images_that_are_decoded_whole_are_cropped_all_the_same(kind, mode, photograph):
    image = _encoded(photograph.convert(mode), kind)
    whole = decode_images(tf.constant([image]), (HEIGHT, WIDTH, 3)).numpy()
    whole = whole.reshape(HEIGHT, WIDTH, 3)
    drawn = np.array([0.5, 0.5, 0.3, 0.9])
    top, left, height, width = HALF.window(HEIGHT, WIDTH, drawn)
    window = whole[top : top + height, left : left + width]
    np.testing.assert_array_equal(_cropped(image, 1, drawn), _stretched(window))


def _cropped(image: bytes, orientation: int, drawn: np.ndarray) -> np.ndarray:
    rows = np.empty((1, int(np.prod(SHAPE))), np.uint8)
    decode_windows([image], [orientation], drawn[None], HALF, SHAPE, rows)
    return rows.reshape(SHAPE)


def _stretched(window: np.ndarray) -> np.ndarray:
    with quick_resizing() as cv2:
        return cv2.resize(np.ascontiguousarray(window), SHAPE[1::-1])


def test_windows_are_as_large_as_asked_for_and_anywhere_within_the_picture():
    crop = RandomCrop(area=(0.2, 0.6), aspect=(0.5, 2.0))
    draws = np.random.default_rng(1).uniform(size=(500, 4))
    windows = np.array([crop.window(300, 400, drawn) for drawn in draws])
    top, left, height, width = windows.T
    assert (windows[:, :2] >= 0).all()
    assert (top + height <= 300).all()
    assert (left + width <= 400).all()
    share = height * width / (300 * 400)
    assert 0.19 < share.min() < 0.22
    assert 0.55 < share.max() < 0.61
    assert (np.abs(np.log(width / height)) < np.log(2.05)).all()
    assert (top == 0).any()
    assert (top + height == 300).any()
    assert crop.window(1, 1, draws[0]) == Window(0, 0, 1, 1)


@pytest.fixture(scope="module")
def shard(photograph, tmp_path_factory) -> list[str]:
    """Numbered photographs, one of them a PNG."""
    path = str(tmp_path_factory.mktemp("photographs") / "shard")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(EXAMPLES):
            example = tf.train.Example()
            kind = "PNG" if number == 3 else "JPEG"
            image = _encoded(photograph.rotate(5 * number), kind)
            example.features.feature["image"].bytes_list.value.append(image)
            example.features.feature["label"].int64_list.value.append(number)
            writer.write(example.SerializeToString())
    return [path]


def _batches(shard, count: int, **arguments):
    arguments = {"training": True, "encoded": True, "seed": 5, "crop": HALF, **arguments}
    made = fed(input_function, shard, SHAPE, BATCH, **arguments)
    return made, list(made.dataset.take(count).as_numpy_iterator())


@pytest.mark.slow
def test_the_windows_are_a_function_of_the_seed_and_the_step_alone(shard):
    made, whole = _batches(shard, 8)
    assert (made.strategy, made.steps_per_epoch) == ("streaming", 3)
    assert made.dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    _, rest = _batches(shard, 3, first_step=5)
    for (images, labels), (again, as_labels) in zip(whole[5:], rest, strict=True):
        np.testing.assert_array_equal(again, images)
        np.testing.assert_array_equal(as_labels, labels)
    shares = [_batches(shard, 8, worker=worker, workers=2)[1] for worker in (0, 1)]
    for (images, _), (first, _), (second, _) in zip(whole, *shares, strict=True):
        np.testing.assert_array_equal(first, images[::2])
        np.testing.assert_array_equal(second, images[1::2])


@pytest.mark.slow
def test_every_epoch_and_every_seed_has_its_own_windows(shard):
    of = {}
    for seed in (5, 6):
        for step, (images, labels) in enumerate(_batches(shard, 6, seed=seed)[1]):
            for image, label in zip(images, labels, strict=True):
                of.setdefault(label, []).append((seed, step // 3, image.tobytes()))
    for found in of.values():
        assert len({image for *_, image in found}) == len(found)


@pytest.mark.slow
def test_evaluation_sees_whole_pictures(shard):
    _, whole = _batches(shard, 4, training=False, crop=None)
    _, evaluated = _batches(shard, 4, training=False)
    for (images, _), (again, _) in zip(whole, evaluated, strict=True):
        np.testing.assert_array_equal(again, images)


@pytest.mark.slow
def test_a_damaged_photograph_is_named_with_its_record(photograph, tmp_path):
    path = str(tmp_path / "shard")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(BATCH):
            example = tf.train.Example()
            image = _encoded(photograph)
            image = image if number != 2 else image[:700]
            example.features.feature["image"].bytes_list.value.append(image)
            example.features.feature["label"].int64_list.value.append(number)
            writer.write(example.SerializeToString())
    made = fed(input_function, [path], SHAPE, BATCH, training=True, encoded=True, crop=HALF)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        next(iter(made.dataset))
    assert f"Record 2 of the shard {path}" in str(made.source.explain(error.value))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"strategy": "memory"}, "not with memory"),
        ({"balanced": True}, "not with balanced sampling"),
        ({"crop": RandomCrop(area=(0, 1))}, r"area is \(0, 1\)"),
        ({"crop": RandomCrop(aspect=(2, 1))}, r"aspect is \(2, 1\)"),
    ],
)
def test_what_does_not_go_with_crops_is_one_clear_line(arguments, said, shard):
    with pytest.raises(Failure, match=said) as failure:
        _batches(shard, 1, **arguments)
    assert "\n" not in str(failure.value)


def test_decoded_images_are_cropped_by_the_model_instead(write_shards):
    with pytest.raises(Failure, match="need encoded images"):
        fed(input_function, write_shards(20), (4, 3, 3), 4, training=True, crop=HALF)
