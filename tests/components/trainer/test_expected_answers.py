"""Answers are kept for the serving check: of as many images as are answered together."""

import hashlib
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
    assert len(answers(model, tmp_path, side)) == count


def test_where_the_first_shard_is_empty_the_next_ones_are_answered(tmp_path):
    pixels = keras.Input((8, 8, 1))
    model = keras.Model(pixels, keras.layers.Dense(3)(keras.layers.Flatten()(pixels)))
    records = [transformed_example(bytes([shade]) * 64, 0) for shade in range(5)]
    write_shards(tmp_path / "Split-test", records, shards=3)
    (tmp_path / "Split-test" / "data-00000-of-00003").write_bytes(b"")
    named = [hashlib.sha256(bytes([shade]) * 64).hexdigest() for shade in (1, 4, 2)]
    assert list(answers(model, tmp_path, 8)) == named


def answers(model, folder, side):
    shards = sorted(map(str, (folder / "Split-test").iterdir()))
    file, shape, names = folder / "answers.json", (side, side, 1), ["ant", "bee", "cat"]
    expected_answers.write(str(file), model, shape, names, "classification", shards)
    return json.loads(file.read_text())["answers"]
