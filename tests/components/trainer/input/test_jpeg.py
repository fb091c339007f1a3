"""The quick decoder of JPEGs gives what TensorFlow's ops give."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_image

from components.trainer.input import jpeg
from components.trainer.input.decode import decode_images
from components.trainer.input.function import input_function
from failures import Failure
from tests.components.trainer.input.conftest import fed

QUARTER = (213, 320, 3)  # of a sample photograph: height, width, channels


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    """640 wide, 427 high."""
    return Image.fromarray(load_sample_image("china.jpg"))


def _jpeg(picture: Image.Image, **arguments) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", **{"quality": 90, **arguments})
    return file.getvalue()


def _by_tensorflow(encoded: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    decoded = tf.io.decode_jpeg(encoded, channels=shape[2])
    return (tf.image.resize(decoded, shape[:2]).numpy() + 0.5).astype(np.uint8)


def _differences(encoded: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    rows = decode_images(tf.constant([encoded]), shape).numpy().reshape(shape)
    return np.abs(rows.astype(int) - _by_tensorflow(encoded, shape))


@pytest.mark.parametrize("shape", [(224, 224, 3), (300, 500, 3), (500, 700, 3)])
def test_a_photograph_differs_in_the_enlarged_colours_alone(shape, photograph):
    encoded = _jpeg(photograph)
    assert _differences(encoded, shape).mean() < 1
    grey = _differences(encoded, (*shape[:2], 1))
    assert (grey.max(), grey.mean() < 0.01) == (1, True)


@pytest.mark.parametrize(
    "arguments", [{"subsampling": 0}, {"subsampling": 0, "progressive": True}], ids=str
)
def test_where_no_colours_are_enlarged_it_is_the_same(arguments, photograph):
    assert _differences(_jpeg(photograph, **arguments), (224, 224, 3)).max() <= 1


def test_where_the_quick_decoder_is_not_installed_tensorflow_decodes(photograph, monkeypatch):
    encoded = _jpeg(photograph)
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    jpeg.available.cache_clear()
    assert _differences(encoded, (224, 224, 3)).max() == 0
    monkeypatch.undo()
    jpeg.available.cache_clear()
    assert _differences(encoded, (224, 224, 3)).max() > 0


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_four_colours_come_out_as_tensorflow_has_them(mode, photograph):
    assert _differences(_jpeg(photograph.convert(mode)), (224, 224, 3)).max() <= 1


def test_images_of_many_kinds_in_one_batch_keep_their_places(photograph):
    png = io.BytesIO()
    photograph.save(png, "PNG")
    encoded = [_jpeg(photograph), png.getvalue(), _jpeg(photograph.convert("CMYK"))] * 2
    rows = decode_images(tf.constant(encoded), QUARTER).numpy()
    alone = [decode_images(tf.constant([image]), QUARTER).numpy()[0] for image in encoded]
    np.testing.assert_array_equal(rows, alone)
    assert len({row.tobytes() for row in rows}) == 3


@pytest.mark.parametrize("within", [False, True], ids=["eagerly", "in a graph"])
def test_a_damaged_one_is_refused_as_tensorflow_refuses_it(within, photograph):
    def decode(images):
        return decode_images(images, QUARTER)

    whole = _jpeg(photograph)
    images = tf.constant([whole, whole[: len(whole) // 2]])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?i)jpeg"):
        (tf.function(decode) if within else decode)(images)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["memory", "disk", "streaming"])
def test_a_damaged_one_in_a_shard_is_named_with_its_record(strategy, photograph, tmp_path):
    whole = _jpeg(photograph)
    path = str(tmp_path / "shard")
    with tf.io.TFRecordWriter(path) as writer:
        for number, image in enumerate([whole, whole, whole[: len(whole) // 2], whole]):
            example = tf.train.Example()
            example.features.feature["image"].bytes_list.value.append(image)
            example.features.feature["label"].int64_list.value.append(number)
            writer.write(example.SerializeToString())
    with pytest.raises(Failure, match=rf"Record 2 of the shard {path}") as failure:
        _read(path, strategy, str(tmp_path / "cache"))
    assert "\n" not in str(failure.value)


def _read(path: str, strategy: str, cache_dir: str) -> None:
    made = fed(
        input_function,
        [path],
        QUARTER,
        2,
        training=False,
        encoded=True,
        strategy=strategy,
        cache_dir=cache_dir,
    )
    try:
        list(made.dataset)
    except tf.errors.OpError as error:
        raise made.source.explain(error) from error


def test_other_programs_are_started_as_before(photograph):
    """OpenCV would tell them to take its libraries first; Keras would import it."""
    before = os.environ.get("LD_LIBRARY_PATH")
    _differences(_jpeg(photograph), QUARTER)
    assert "cv2" in sys.modules
    assert os.environ.get("LD_LIBRARY_PATH") == before


@pytest.mark.slow
def test_other_programs_are_started_as_before_when_many_threads_begin_at_once():
    """One thread's OpenCV must not become what another takes for the state before."""
    began = """
import io, os, sys, threading
import numpy as np
from PIL import Image
from components.trainer.input import jpeg

file = io.BytesIO()
Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file, "JPEG")
image, left = file.getvalue(), []
sys.setswitchinterval(1e-5)

def decode():
    left.extend(jpeg.decode_rows([image], [1], (8, 8, 3), np.empty((1, 192), np.uint8)))

def decode_while_another_imports():
    while first.is_alive() and os.environ["LD_LIBRARY_PATH"] == "as-before":
        pass
    decode()

first = threading.Thread(target=decode)
others = [threading.Thread(target=decode_while_another_imports) for _ in range(4)]
first.start()
for thread in others: thread.start()
for thread in (first, *others): thread.join()
print(os.environ["LD_LIBRARY_PATH"], left)
"""
    surrounding = {**os.environ, "LD_LIBRARY_PATH": "as-before"}
    how = {"env": surrounding, "capture_output": True, "text": True, "timeout": 120}
    for _ in range(5):  # the threads do not meet every time
        ran = subprocess.run([sys.executable, "-c", began], **how)
        assert (ran.stdout, ran.stderr) == ("as-before []\n", "")
