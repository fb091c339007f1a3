"""Over 400 ways to write a picture give Pillow's pixels through every door, or are refused.

The doors are Transform, the input function, the signature serving_default and predict.
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.batch_predictor.pushed_model import PushedModel
from components.schema_gen import schema_files
from components.trainer import saved_model
from components.trainer.input import jpeg
from components.trainer.input.function import input_function
from components.trainer.transform_graph import TransformGraph
from settings.data import Features
from tests.components.picture_variants import bmp, unmarked_cmyk, variants
from tests.components.pictures import EXACT, by_pillow, encode, picture, with_bytes
from tests.components.transform.conftest import Workplace, example, write_records
from tests.components.turned_variants import exif

SIZE = (20, 28)  # height, width: what comes through a door is not resized
# Where the quick decoder enlarges a JPEG's colours, blocks of colours get other borders.
MEAN = 16
read_by_pillow = functools.cache(by_pillow)


class Doors:
    """Every door's answers for the same encoded images, by the image's number."""

    def __init__(self, folder, images, channels, exif_orientation=True):
        self.images, self.shape = images, (*SIZE, channels)
        self.exif_orientation = exif_orientation
        self.folder = folder
        workplace = Workplace(folder)
        records = [example(image, f"{number:04}") for number, image in enumerate(images)]
        schema = workplace.schema(image="BYTES", label="BYTES")
        done = workplace.run(
            workplace.raw({"train": records}, files=1),
            schema=schema,
            **dict(zip(("height", "width", "channels"), self.shape, strict=True)),
            exif_orientation=exif_orientation,
            on_corrupt_image="drop",
            max_dropped=len(images),
        )
        self.transformed = {
            int(done.labels[label]): self._pixels(np.frombuffer(image, np.uint8))
            for image, label in done.split("train")
        }
        self.kept = sorted(self.transformed)
        graph = TransformGraph.load(done.graph.uri, schema_files.read(schema.uri), Features())
        self.model = f"{folder}/model"
        saved_model.save(saved_model.ServingModule(self._visible(), graph), self.model)

    def fed(self) -> dict[int, np.ndarray]:
        records = [example(self.images[number], number) for number in self.kept]
        file = self.folder / "encoded"
        write_records(file, records)
        found = input_function(
            [str(file)],
            self.shape,
            len(records),
            training=False,
            encoded=True,
            exif_orientation=self.exif_orientation,
        )
        [(images, labels)] = found.dataset
        return dict(zip(labels.numpy().tolist(), images.numpy(), strict=True))

    @functools.cached_property
    def served(self) -> dict[int, np.ndarray]:
        signature = tf.saved_model.load(self.model).signatures["serving_default"]
        answers = signature(image=tf.constant([self.images[number] for number in self.kept]))
        return dict(zip(self.kept, map(self._seen, answers["probabilities"].numpy()), strict=True))

    @functools.cached_property
    def predicted(self) -> dict[int, np.ndarray]:
        """Of those that are refused, the reason."""
        answers = PushedModel(self.model).answer_images(self.images)
        return {n: a.error or self._seen(a.probabilities) for n, a in enumerate(answers)}

    def _visible(self) -> keras.Model:
        """A model whose probabilities tell the pixels; its first class wins always."""
        pixels = keras.Input(self.shape, dtype="uint8")
        flat = keras.layers.Flatten()(keras.ops.cast(pixels, "float32") / 32)
        first = keras.ops.ones_like(flat[:, :1]) * 9
        return keras.Model(pixels, keras.ops.concatenate([first, flat], axis=1))

    def _seen(self, probabilities: np.ndarray) -> np.ndarray:
        return self._pixels(np.rint((np.log(probabilities[1:] / probabilities[0]) + 9) * 32))

    def _pixels(self, values: np.ndarray) -> np.ndarray:
        return values.astype(int).reshape(self.shape)


ANOTHER = "This is not a JPEG, PNG, GIF, BMP or WebP"
ANIMATED = encode(picture(SIZE), "WEBP", save_all=True, append_images=[picture(SIZE, seed=1)])
REFUSED = {
    "an animated WebP": ANIMATED,
    "1, 4 or 16": encode(picture(SIZE, "1"), "BMP"),
    "OS/2": with_bytes(bmp(SIZE, "P", 40), 14, b"\x0c\0\0\0"),
    "CMYK JPEG without the marker": unmarked_cmyk(SIZE),
}


@pytest.fixture(scope="module", params=[1, 3])
def doors(request, tmp_path_factory):
    images = [encoded for _, encoded, _ in variants(SIZE)]
    images += REFUSED.values()
    return Doors(tmp_path_factory.mktemp("doors"), images, request.param)


def wrong(doors, found) -> list[str]:
    said = []
    for number, (name, encoded, tolerance) in enumerate(variants(SIZE)):
        expected = read_by_pillow(encoded, doors.shape[2])
        if number not in found:
            said.append(f"{name}: refused")
        elif np.abs(found[number] - expected).max() > tolerance:
            said.append(f"{name}: off by {np.abs(found[number] - expected).max()}")
    return said


def test_there_are_over_400_of_them_and_all_different():
    images = [encoded for _, encoded, _ in variants(SIZE)]
    assert len(set(images)) >= 400


@pytest.mark.slow
def test_transform_gives_pillows_pixels(doors):
    assert wrong(doors, doors.transformed) == []


@pytest.mark.slow
def test_serving_and_predict_give_pillows_pixels(doors):
    assert wrong(doors, doors.served) == []
    assert wrong(doors, doors.predicted) == []


@pytest.mark.slow
@pytest.mark.parametrize("quick", [True, False])
def test_the_input_function_gives_pillows_pixels(doors, quick, monkeypatch):
    monkeypatch.setattr(jpeg, "available", lambda: quick)
    found = doors.fed()
    assert len(found) == len(doors.images) - len(REFUSED)
    for number, (name, encoded, tolerance) in enumerate(variants(SIZE)):
        difference = np.abs(found[number] - read_by_pillow(encoded, doors.shape[2]))
        if tolerance == EXACT:
            assert difference.max() <= tolerance, name
        assert difference.mean() <= MEAN, name


@pytest.mark.slow
def test_without_exif_orientation_every_door_gives_the_pixels_as_they_are_stored(tmp_path):
    images = [
        encode(picture(SIZE), "WEBP", lossless=True, exif=exif(orientation, ">"))
        for orientation in range(1, 9)
    ]
    doors = Doors(tmp_path, images, 3, exif_orientation=False)
    expected = by_pillow(images[0], 3, exif_orientation=False)
    for found in (doors.transformed, doors.fed(), doors.served, doors.predicted):
        for number in range(8):
            np.testing.assert_allclose(found[number], expected, atol=EXACT)


@pytest.mark.slow
def test_what_is_refused_is_refused_by_every_door_with_its_reason(doors):
    sound = len(doors.images) - len(REFUSED)
    assert doors.kept == list(range(sound))
    for number, reason in enumerate(REFUSED, start=sound):
        assert reason in doors.predicted[number]


@pytest.mark.slow
def test_where_an_image_that_fails_cancels_its_neighbours_each_keeps_its_own_answer(doors):
    """A race within TensorFlow, which reports the neighbour's error now and then; here, always."""
    model = PushedModel(doors.model)
    signature = model._images

    def cancelled(image):
        try:
            return signature(image=image)
        except tf.errors.InvalidArgumentError as error:
            said = (
                "Graph execution error:\n\nFunction was cancelled before it was started\n\t [[map]]"
            )
            raise tf.errors.CancelledError(None, None, said) from error

    model._images = cancelled
    answers = model.answer_images([encode(picture(SIZE), "PNG"), b"no picture"] * 2)
    assert [answer.error for answer in answers] == ["", ANOTHER, "", ANOTHER]
    animated = model.answer_images([ANIMATED])
    assert animated[0].error == "it cannot be decoded"
