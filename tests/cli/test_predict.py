"""predict and batch-predict say what the pushed model's signatures say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.command_line import main
from components.batch_predictor import sources
from components.batch_predictor.images import contents, expand
from components.batch_predictor.job import predict_runs
from components.batch_predictor.pushed_model import PushedModel
from components.model_store.layout import newest_path
from failures import Failure
from tests.cli.predictions import CLASSES, lines_of, served

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_predict_says_what_the_signature_says(predict, destination, folder, images):
    code, said, complained = predict([folder], destination, "--json")
    assert code == 0
    expected = served(destination, images)
    for line, probabilities in zip(map(json.loads, said), expected, strict=True):
        reported = [probabilities[CLASSES.index(one["label"])] for one in line["top"]]
        np.testing.assert_allclose([one["probability"] for one in line["top"]], reported, atol=1e-5)
        assert len(reported) == 5
        assert line["label"] == CLASSES[probabilities.argmax()] == line["top"][0]["label"]
    assert complained == []


def test_bad_images_are_reported_and_skipped(predict, destination, folder):
    whole = (folder / "005.png").read_bytes()
    (folder / "002.png").write_bytes(b"no image")
    (folder / "003.png").write_bytes(b"")
    (folder / "004.png").write_bytes(b"II*\0\x08\0\0\0")
    (folder / "005.png").write_bytes(whole[:50])
    (folder / "006.png").write_bytes(whole[:45] + b"!!!!" + whole[49:])
    code, said, complained = predict([folder], destination, "--top", 1)
    assert code == 1
    assert len(said) == 65
    assert [line.partition("png is skipped: ")[2] for line in complained[:-1]] == [
        "This is not a JPEG, PNG, GIF, BMP or WebP",
        "This is an empty image",
        "This is a TIFF, which is not read. Save it as a PNG",
        "This is a PNG that is cut off",
        "This is a damaged PNG",
    ]
    assert complained[-1] == "steadyfeed: 5 of 70 images were skipped."


def test_an_image_that_cannot_be_read_has_the_systems_reason(destination, folder):
    [read] = contents([str(folder / "001.png"), str(folder)], 2)
    good, bad = PushedModel(f"{destination}/1").answer_images(read)
    assert (good.error, bad.error) == ("", "it cannot be read: Is a directory")


def test_files_folders_and_globs_are_taken_once_each(folder):
    every, left_out = expand([str(folder), f"{folder}/00*.png", str(folder / "001.png")])
    assert (len(every.paths), left_out) == (70, "")
    with pytest.raises(Failure, match="no image found"):
        expand([f"{folder}/*.gif"])


def test_images_are_found_by_their_content_and_other_files_are_counted(tmp_path):
    for number, kind in enumerate(("JPEG", "PNG", "GIF", "BMP", "WEBP")):
        Image.new("RGB", (8, 8)).save(tmp_path / f"photo-{number}", kind)
    Image.new("RGB", (8, 8)).save(tmp_path / "PHOTO.JPG", "JPEG")
    (tmp_path / "broken.jfif").write_bytes(b"")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (tmp_path / "notes.txt").write_text("about the photographs")

    found, left_out = expand([str(tmp_path)])

    assert len(found.paths) == 7
    assert left_out == (
        "2 files are not JPEG, PNG, GIF, BMP or WebP images and are left out: .DS_Store, notes.txt"
    )
    runs, line = sources.runs_of(str(tmp_path))
    assert (sum(run.count for run in runs), line) == (7, left_out)


def test_hidden_files_links_and_pipes_of_a_folder_are_taken_or_counted(tmp_path):
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for folder in (photos, elsewhere):
        folder.mkdir()
        Image.new("RGB", (8, 8)).save(folder / "photo.png")
    (photos / "._photo.jpg").write_bytes(b"\0\5\x16\7")
    (photos / "linked").symlink_to(elsewhere)
    (photos / "gone.png").symlink_to("nowhere")
    (photos / "round.png").symlink_to("round.png")
    (elsewhere / "above").symlink_to(photos)
    os.mkfifo(photos / "pipe.png")
    (photos / "two\nlines.txt").touch()

    found, left_out = expand([str(photos)])

    names = [os.path.relpath(file, photos) for file in found.paths]
    assert names == ["gone.png", "linked/photo.png", "photo.png", "round.png"]
    assert left_out.endswith("are left out: ._photo.jpg, pipe.png, two?lines.txt")


def test_a_glob_follows_links_but_not_in_circles(tmp_path):
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for folder in (photos, elsewhere):
        folder.mkdir()
        Image.new("RGB", (8, 8)).save(folder / "photo.png")
    (photos / "linked").symlink_to(elsewhere)
    (photos / "latest").symlink_to(".")
    (elsewhere / "above").symlink_to(photos)

    found, _ = expand([f"{photos}/**/*.png"])

    names = [os.path.relpath(file, photos) for file in found.paths]
    assert names == ["linked/photo.png", "photo.png"]


def test_without_a_model_the_next_step_is_named(tmp_path):
    with pytest.raises(Failure, match="Run the pipeline first"):
        newest_path(str(tmp_path))


def test_probabilities_that_are_no_numbers_are_null_in_every_line(predict, destination, tmp_path):
    Image.new("L", (8, 8), 255).save(tmp_path / "white.png")
    _, [said], _ = predict([tmp_path / "white.png"], destination, "--json")
    assert json.loads(said, parse_constant=pytest.fail)["top"][0]["probability"] is None
    runs, _ = sources.runs_of(str(tmp_path / "white.png"))
    predict_runs(PushedModel(f"{destination}/1"), runs, str(tmp_path / "out"), lambda _: None)
    [line] = lines_of(tmp_path / "out")
    assert line["probabilities"] == [None] * 6
    _, [said], _ = predict([tmp_path / "white.png"], destination, "--reject-below", 0.1)
    assert " rejected" in said


def test_masks_are_not_asked_of_a_classifier(predict, destination, folder, tmp_path):
    code, _, [line] = predict([folder], destination, "--output", tmp_path / "masks")
    assert code == 1
    assert "--output is for masks" in line


@pytest.mark.slow
def test_answers_below_the_threshold_are_rejected_in_every_form(
    predict, destination, folder, images, tmp_path
):
    highest = served(destination, images).max(axis=1)
    threshold = float(np.sort(highest)[[29, 30]].mean())  # 30 of 70 are below
    code, said, complained = predict([folder], destination, "--reject-below", threshold)
    assert code == 0
    assert [" rejected" in line for line in said] == (highest < threshold).tolist()
    assert complained[-1].endswith(f"are rejected: their probability is below {threshold:g}.")
    code, said, _ = predict([folder], destination, "--reject-below", threshold, "--json")
    assert [json.loads(line)["rejected"] for line in said] == (highest < threshold).tolist()
    assert all(json.loads(line)["label"] in CLASSES for line in said)
    model, output = PushedModel(f"{destination}/1"), str(tmp_path / "out")
    runs = sources.runs_of(str(folder))[0]
    tally = predict_runs(model, runs, output, lambda _: None, threshold)
    assert (tally.records, tally.failed, tally.rejected) == (70, 0, 30)
    assert [line["rejected"] for line in lines_of(output)] == (highest < threshold).tolist()
    with pytest.raises(Failure, match="or by another --reject-below"):
        predict_runs(model, runs, output, lambda _: None, 0.5)


def test_a_threshold_that_is_no_probability_is_a_mistake(predict, destination, folder):
    code, _, [line] = predict([folder], destination, "--reject-below", "1.5")
    assert code == 2
    assert "--reject-below 1.5; allowed: 0 to 1" in line


def test_a_name_that_is_not_text_is_shown_escaped(destination, images, tmp_path, capsys):
    file = tmp_path / os.fsdecode(b"\xff.png")
    file.write_bytes(images[0])
    assert main(["predict", str(file), "--json", "--model", destination]) == 0
    # Half a character, as Python has such a byte, is not in JSON that every reader takes.
    assert json.loads(capsys.readouterr().out)["image"] == f"{tmp_path}/\\udcff.png"


@pytest.mark.slow
def test_predict_starts_without_tfx_and_beam(destination, folder):
    program = (
        "import sys; from cli.command_line import main; "
        f"main(['predict', {str(folder / '000.png')!r}, '--model', {destination!r}]); "
        "print([name for name in ('tfx', 'apache_beam', 'tensorflow_model_analysis') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, cwd=ROOT, env=os.environ, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""
