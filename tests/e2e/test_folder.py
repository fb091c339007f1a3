"""A folder of images, with nothing prepared, to a pushed model that serves."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.kills import COMPONENTS
from cli.command_line import main
from tests.e2e.test_digits import results

EACH = 60  # images of a class
COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 50, 40)}
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
CONFIGURATION = """\
name: colours
root: root
data: {source: folder, path: photos}
preprocessing: {height: 16, width: 16}
model: {name: small_cnn}
evaluation: {thresholds: {accuracy: {min: 0.8}}}
push: {destination: pushed}
"""


def image_of(label: str, number: int) -> bytes:
    chance = np.random.default_rng(number)
    pixels = chance.normal(COLOURS[label], 25, (20 + number % 5, 18, 3)).clip(0, 255)
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, FORMATS[number % len(FORMATS)])
    return file.getvalue()


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The working folder, with photos/<class>/<name> and colours.yaml."""
    for first, label in enumerate(COLOURS):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for number in range(EACH):
            (folder / f"{number}.jpg").write_bytes(image_of(label, first * EACH + number))
    (tmp_path / "photos" / "red" / "cut.jpg").write_bytes(image_of("red", 1000)[:200])
    (tmp_path / "photos" / "red" / "empty.png").touch()
    (tmp_path / "photos" / "Thumbs.db").write_bytes(b"\xd0\xcf")
    (tmp_path / "colours.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capfd, *words) -> tuple[int, str]:
    capfd.readouterr()
    code = main([*words, "--config", "colours.yaml"])
    said = capfd.readouterr()
    return code, said.out + said.err


def expected(status: str) -> dict[str, str]:
    steps = ["FolderExampleGen" if name == "TfdsExampleGen" else name for name in COMPONENTS]
    return dict.fromkeys(steps, status)


@pytest.mark.slow
def test_seven_lines_and_a_folder_make_a_model_that_serves(here, capfd):
    code, said = run(capfd, "run")
    assert code == 0, said
    assert results(said) == expected("ran")
    words = " ".join(said.replace("│", " ").split())
    assert f"{3 * EACH} examples in 3 splits" in words
    assert "1 broken image left out (red/cut.jpg)" in words
    assert "1 empty file left out (red/empty.png)" in words

    (here / "new.jpg").write_bytes(image_of("green", 2000))
    code, said = run(capfd, "predict", "new.jpg")
    assert (code, "green" in said) == (0, True), said

    code, said = run(capfd, "lineage", "1", "--json")
    assert code == 0, said
    data = json.loads(said)["data"]
    assert data["dataset"] == "photos"
    assert len(data["fingerprint"]) == 64
    [page] = (here / "root" / "reports").glob("*.html")
    assert "photos</strong>, fingerprint" in page.read_text()

    (here / "photos" / "red" / "0.jpg").rename(here / "photos" / "red" / "renamed")
    code, said = run(capfd, "run")
    assert (code, results(said)) == (0, expected("cached")), said

    (here / "photos" / "red" / "more.jpg").write_bytes(image_of("red", 3000))
    # No batch of 5000 images is full, which ends the run before it trains.
    code, said = run(capfd, "run", "--set", "training.batch_size=5000")
    assert code == 1
    assert "Trainer failed" in said.replace("│", " ")
    assert results(said)["FolderExampleGen"] == "ran"


@pytest.mark.slow
def test_a_folder_that_is_not_there_stops_the_run_in_one_line(here, capfd):
    (here / "photos").rename(here / "pictures")
    code, said = run(capfd, "run")
    assert code == 1
    assert "FolderExampleGen failed" in said.replace("│", " ")
    assert "there is no such folder. Correct data.path." in " ".join(said.split())
    assert "Traceback" not in said
    assert not (here / "pushed").exists()
