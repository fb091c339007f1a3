"""predict and batch-predict with a segmentation model: masks, shares, and no file lost."""

import base64
import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.batch_predictor import images, sources
from components.batch_predictor.job import predict_runs
from components.batch_predictor.pushed_model import PushedModel
from tests.components.serving_check.small_models import (
    LABELS,
    SIDE,
    encoded,
    probabilities_of,
    save_model,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks") / "model"
    save_model(folder, "segmentation")
    return str(folder)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(2).integers(0, 256, (12, SIDE, SIDE), np.uint8)


@pytest.fixture
def folder(tmp_path, pictures):
    place = tmp_path / "images"
    place.mkdir()
    for number, picture in enumerate(pictures):
        (place / f"{number:02}.png").write_bytes(encoded(picture))
    return place


def expected(pictures):
    """(masks, mean probabilities) as the model computes them."""
    probabilities = probabilities_of(pictures, "segmentation").numpy()
    return probabilities.argmax(-1), probabilities.mean(axis=(1, 2))


def pixels(png):
    mask = Image.open(io.BytesIO(png))
    assert mask.mode == "P"
    return np.asarray(mask)


@pytest.mark.slow
def test_predict_gives_each_class_share_and_writes_the_masks(
    predict, model, folder, pictures, tmp_path
):
    output = tmp_path / "masks"
    code, said, complained = predict([folder], model, "--json", "--output", output)
    assert (code, complained) == (0, [])
    masks, means = expected(pictures)
    for line, mask, mean in zip(map(json.loads, said), masks, means, strict=True):
        np.testing.assert_array_equal(pixels(Path(line["mask"]).read_bytes()), mask)
        for one in line["classes"]:
            number = LABELS.index(one["label"])
            assert one["share"] == (mask == number).mean()
            assert one["probability"] == pytest.approx(mean[number], abs=1e-5)
        assert [one["share"] for one in line["classes"]] == sorted(
            (one["share"] for one in line["classes"]), reverse=True
        )
    assert len(list(output.iterdir())) == len(pictures)


@pytest.mark.slow
def test_the_text_names_the_classes_with_their_shares(predict, model, folder, pictures):
    code, [line], _ = predict([folder / "00.png"], model)
    assert code == 0
    masks, _ = expected(pictures)
    for number, label in enumerate(LABELS):
        assert f"{label} {(masks[0] == number).mean():.1%}" in line


def test_masks_stay_in_their_folder_and_overwrite_nothing(predict, model, folder, tmp_path):
    other = tmp_path / "other" / "00.png"
    other.parent.mkdir()
    other.write_bytes((folder / "01.png").read_bytes())
    before = {file: file.read_bytes() for file in folder.iterdir()}
    places = [str(folder / "00.png"), str(other), str(folder / ".." / "images" / "02.png")]
    assert predict(places, model, "--output", folder)[0] == 0
    made = sorted(file.name for file in folder.iterdir() if file not in before)
    assert made == ["00-2.mask.png", "00.mask.png", "02.mask.png"]
    assert all(file.read_bytes() == content for file, content in before.items())
    code, _, [line] = predict(places, model, "--output", folder)
    assert code == 1
    assert "00.mask.png exists already" in line


def test_twenty_thousand_images_of_one_name_are_told_apart_at_once(tmp_path):
    files, began = [f"{number}/image.png" for number in range(20_000)], time.process_time()
    masks = images.mask_files(files, str(tmp_path))
    assert time.process_time() - began < 5
    assert len(set(masks.values())) == len(files)
    assert masks[files[-1]] == str(tmp_path / "image-20000.mask.png")


def test_batch_predict_writes_each_mask(model, folder, pictures, tmp_path):
    (folder / "05.png").write_bytes(b"no image")
    runs, output = sources.runs_of(str(folder))[0], tmp_path / "out"
    tally = predict_runs(PushedModel(model), runs, str(output), lambda _: None)
    assert (tally.records, tally.failed) == (len(pictures), 1)
    [file] = output.glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    masks, means = expected(pictures)
    assert "error" in lines[5]
    for number in set(range(len(pictures))) - {5}:
        line = lines[number]
        np.testing.assert_array_equal(pixels(base64.b64decode(line["mask_png"])), masks[number])
        np.testing.assert_allclose(line["probabilities"], means[number], atol=1e-5)
        assert line["shares"] == pytest.approx(
            [(masks[number] == one).mean() for one in range(len(LABELS))]
        )


def test_masks_are_not_rejected_as_a_whole(predict, model, folder):
    code, _, [line] = predict([folder], model, "--reject-below", 0.5)
    assert code == 1
    assert "--reject-below is for models that give an image one class" in line
