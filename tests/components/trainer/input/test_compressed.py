"""Images kept in memory as JPEGs: the batches of the other strategies, in a part of the memory."""

import sys

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_sample_image

from components.trainer.input import compressed, jpeg, records
from components.trainer.input.features import LABEL, Feature, image_feature
from components.trainer.input.function import input_function
from components.transform.encoding import FixedExample
from failures import Failure
from tests.components.trainer.input.conftest import fed

SHAPE = (96, 112, 3)
EXAMPLES, BATCH = 30, 8


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> list[str]:
    """Windows of a photograph as Transform writes them, each fifth of class 1."""
    china, form = (
        load_sample_image("china.jpg"),
        FixedExample(
            {
                "image": int(np.prod(SHAPE)),
                "label": "int64",
                "several": 3,
                "sample_weight": "float32",
            }
        ),
    )
    path = str(tmp_path_factory.mktemp("photographs") / "shard")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(EXAMPLES):
            top, left = 10 * number, 15 * number
            image = china[top : top + SHAPE[0], left : left + SHAPE[1]].tobytes()
            several = bytes([number % 2, number % 3 == 0, 1])
            values = {"image": image, "label": int(number % 5 == 0), "several": several}
            values["sample_weight"] = number
            writer.write(form.encode(values))
    return [path]


def _batches(photographs, strategy: str, count: int, **arguments) -> list:
    arguments = {"training": True, "seed": 5, "weight": "sample_weight", **arguments}
    made = fed(input_function, photographs, SHAPE, BATCH, strategy=strategy, **arguments)
    assert made.strategy == strategy
    return list(made.dataset.take(count).as_numpy_iterator())


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"first_step": 4, "worker": 1, "workers": 2},
        {"balanced": True},
        {"target": Feature("several", (3,), "uint8")},
    ],
    ids=str,
)
def test_batches_are_those_of_decoded_images_but_for_the_loss(arguments, photographs):
    exact = _batches(photographs, "memory", 5, **arguments)
    found = _batches(photographs, "compressed", 5, **arguments)
    for (images, *numbers), (again, *as_numbers) in zip(exact, found, strict=True):
        assert again.shape == images.shape
        assert 0 < np.abs(again.astype(int) - images).mean() < 6
        for one, other in zip(numbers, as_numbers, strict=True):
            np.testing.assert_array_equal(other, one)


def test_evaluation_reads_each_example_once(photographs):
    found = _batches(photographs, "compressed", -1, training=False)
    weights = np.concatenate([weights for *_, weights in found])
    assert weights.tolist() == list(range(EXAMPLES))


def test_photographs_take_a_part_of_their_decoded_size(photographs):
    source = records.source(photographs, (image_feature(SHAPE), LABEL))
    store = compressed.load(source)
    # The JPEGs' own 600 bytes of tables count in so small ones; `benchmarks.input.decoding`
    # measures those of 224x224.
    assert store.image_bytes < EXAMPLES * source.row_bytes / 4


def test_masks_are_refused_in_one_line(write_shards):
    with pytest.raises(Failure, match=r"compressed cannot keep .*masks") as failure:
        fed(
            input_function,
            write_shards(12, mask=True),
            (4, 3, 3),
            4,
            training=True,
            target=Feature("mask", (4, 3, 1), "uint8"),
            strategy="compressed",
        )
    assert "\n" not in str(failure.value)


def test_without_the_quick_decoder_it_is_refused_in_one_line(photographs, monkeypatch):
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    jpeg.available.cache_clear()
    with pytest.raises(Failure, match="simplejpeg and OpenCV are not installed"):
        _batches(photographs, "compressed", 1)
    monkeypatch.undo()
    jpeg.available.cache_clear()
