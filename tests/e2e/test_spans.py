"""Data that arrives in spans: each run costs what is new, and an old window can be repeated."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.kills import COMPONENTS
from cli.command_line import main
from tests.e2e.test_digits import results

SHADES = {"dark": 0, "light": 140}
EACH = 40  # images of a class in a span
CONFIGURATION = """\
name: shades
root: root
data: {source: folder, path: "incoming/{YYYY}-{MM}-{DD}", window: {last: 2}}
preprocessing: {height: 8, width: 8}
model: {name: small_cnn, parameters: {filters: [8]}}
training: {epochs: 1}
evaluation: {thresholds: {accuracy: {min: 0}}}
serving: {check: false}
push: {destination: pushed}
"""


def arrive(folder: Path, day: str) -> None:
    chance = np.random.default_rng(int(day.replace("-", "")))
    for label, low in SHADES.items():
        inner = folder / "incoming" / day / label
        inner.mkdir(parents=True)
        for number in range(EACH):
            file = io.BytesIO()
            pixels = chance.integers(low, low + 110, (9, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(file, "PNG")
            (inner / f"{number}.png").write_bytes(file.getvalue())


def new_spans(said: str) -> list[str]:
    """What the table says that each component made anew."""
    text = " ".join(re.sub(r"[│┃]", " ", said).split())
    return re.findall(r"\(new: ([^)]*)\)", text)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shades.yaml").write_text(CONFIGURATION)
    return tmp_path


@pytest.mark.slow
def test_a_retraining_makes_what_is_new_and_an_old_window_comes_back(here, capfd):
    def run(*words):
        code = main([*words, "--config", "shades.yaml"])
        said = capfd.readouterr()
        return code, said.out + said.err

    arrive(here, "2026-11-24")
    arrive(here, "2026-11-25")
    code, said = run("run")
    assert code == 0, said
    assert new_spans(said) == ["spans 2026-11-24, 2026-11-25"] * 3

    code, said = run("run")
    rest = [name for name in COMPONENTS if name not in ("TfdsExampleGen", "ServingCheck")]
    steps = ["FolderExampleGen", *rest]
    assert (code, results(said)) == (0, dict.fromkeys(steps, "cached")), said

    # No batch of 5000 images is full, which ends the run before it trains.
    untrained = ("--set", "training.batch_size=5000")
    arrive(here, "2026-11-26")
    code, said = run("run", *untrained)
    assert (code, "Trainer failed" in said) == (1, True), said
    assert new_spans(said) == ["span 2026-11-26"] * 3
    pages = sorted((here / "root" / "reports").glob("*.html"))
    assert "The window's spans" in pages[-1].read_text().replace("&#39;", "'")
    assert "2026-11-25, 2026-11-26" in pages[-1].read_text()

    code, said = run("lineage", "1", "--json")
    spans = json.loads(said)["data"]["spans"]
    assert [span["name"] for span in spans] == ["2026-11-24", "2026-11-25"]
    assert "spans             2026-11-24, 2026-11-25" in run("lineage", "1")[1]

    code, said = run("run", "--span", "2026-11-25", "--set", "root=again", *untrained)
    assert code == 1
    assert "Trainer failed" in said
    assert bytes_of(here / "again") == bytes_of(here / "root", oldest=True)


def bytes_of(root: Path, oldest=False) -> list[bytes]:
    """The files of the Examples that the oldest or the newest execution left."""
    executions = sorted(
        (root / "FolderExampleGen" / "examples").iterdir(), key=lambda p: int(p.name)
    )
    folder = executions[0 if oldest else -1]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    # The store of the other root is another one, and so are its keys.
    return [path.read_bytes() for path in files if path.name != "spans.json"]
