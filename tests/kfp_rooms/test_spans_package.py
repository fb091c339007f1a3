"""A package whose data arrives in spans: each run takes the window that there is by then."""

import io

import numpy as np
import pytest
import yaml
from PIL import Image

from components.examples.made_of import data_in
from components.model_store.versions import read_record
from failures import ConfigurationError
from kfp.compile_package import compile_package
from kfp.image_tag import PROJECT
from kfp.package_rules import read_package
from kfp.run_package import run_package
from settings.reading import load

CLAIM, MOUNT = "data", "/data"
VOLUME = {"claim": CLAIM, "mount_path": MOUNT}
SHADES = {
    "name": "shades",
    "root": "runs/shades",
    "data": {"source": "folder", "path": "incoming/{SPAN}", "window": {"last": 2}},
    "preprocessing": {"height": 8, "width": 8},
    "model": {"name": "small_cnn", "parameters": {"filters": [8]}},
    "training": {"epochs": 1},
    "evaluation": {"thresholds": {"accuracy": {"min": 0}}},
    "serving": {"check": False},
    "push": {"destination": "runs/shades/pushed"},
    "kubeflow": {
        "data_dir": f"{MOUNT}/incoming/{{SPAN}}",
        "work_dir": f"{MOUNT}/work",
        "every_step": {"volumes": [VOLUME]},
    },
}


def package_of(tmp_path, *overrides):
    file = tmp_path / "shades.yaml"
    file.write_text(yaml.safe_dump(SHADES))
    return compile_package(load(file, overrides), tmp_path / "package.yaml")


def arrive(folder, span: int) -> None:
    chance = np.random.default_rng(span)
    for label, low in {"dark": 0, "light": 140}.items():
        inner = folder / str(span) / label
        inner.mkdir(parents=True)
        for number in range(40):
            file = io.BytesIO()
            pixels = chance.integers(low, low + 110, (9, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(file, "PNG")
            (inner / f"{number}.png").write_bytes(file.getvalue())


def test_the_pattern_of_a_package_is_that_of_the_volume_and_names_no_span(tmp_path):
    path = package_of(tmp_path)
    read_package(path)
    text = path.read_text()
    assert "/data/incoming/{SPAN}" in text
    assert "/data/work/spans" in text


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("kubeflow.data_dir='/data/{SPAN}/{SPAN}'", "kubeflow.data_dir: given .*; allowed: one"),
        ("kubeflow.data_dir=/data/incoming", "kubeflow.data_dir: given .*, with spans as in"),
    ],
)
def test_a_place_without_spans_does_not_fit_a_window(tmp_path, override, expected):
    with pytest.raises(ConfigurationError, match=expected) as mistake:
        package_of(tmp_path, override)
    assert len(str(mistake.value).splitlines()) == 1


@pytest.mark.slow
def test_each_run_takes_the_newest_window_and_trains_only_on_a_new_one(
    tmp_path, run_here, run_before, monkeypatch
):
    monkeypatch.chdir(PROJECT)
    work = tmp_path / "work"
    incoming = work / "volumes" / CLAIM / "incoming"
    package = package_of(tmp_path)

    def outcomes(run_command=run_here) -> dict:
        given = {"run_command": run_command, "reuse": True}
        run = run_package(package, [], "minio://bucket/runs", work, **given)
        return {outcome.component: outcome for outcome in run.outcomes}

    arrive(incoming, 1)
    arrive(incoming, 2)
    assert "spans 1, 2 (new: spans 1, 2)" in outcomes()["FolderExampleGen"].made

    unchanged = outcomes()
    for step in ("FolderExampleGen", "StatisticsGen", "Transform", "Trainer"):
        assert unchanged[step].status == "cached"

    arrive(incoming, 3)
    second = outcomes(run_before("Trainer"))
    record = read_record(str(work / "volumes" / "steadyfeed-models" / "shades" / "1"))
    assert [span["name"] for span in data_in(record.origin)["spans"]] == ["1", "2"]
    for step in ("FolderExampleGen", "StatisticsGen", "Transform"):
        assert second[step].status == "ran"
        assert "spans 2, 3 (new: span 3)" in second[step].made
