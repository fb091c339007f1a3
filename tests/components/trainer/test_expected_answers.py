"""Answers are kept for the serving check: of as many images as are answered together."""

import json

import keras
import pytest

from components.trainer import expected_answers
from tests.components.trainer.conftest import transformed_example, write_shards


@pytest.mark.parametrize(("side", "count"), [(8, 5), (4096, 2)])
def test_of_large_images_fewer_are_answered_together(side, count, tmp_path):
    pixels = keras.Input((side, side, 1))
    model = keras.Model(pixels, keras.layers.Dense(3)(keras.layers.GlobalMaxPooling2D()(pixels)))
    records = [transformed_example(bytes([shade]) * side**2, 0) for shade in range(5)]
    write_shards(tmp_path / "Split-test", records, shards=1)
    shards = [str(file) for file in (tmp_path / "Split-test").iterdir()]
    file = tmp_path / "answers.json"
    shape, names = (side, side, 1), ["ant", "bee", "cat"]
    expected_answers.write(str(file), model, shape, names, "classification", shards)
    assert len(json.loads(file.read_text())["answers"]) == count
