"""Images with a manifest, and the executor behind one call."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfx.types import standard_artifacts

from components.manifest_example_gen.component import ManifestExampleGen_Executor
from settings.data import Features
from settings.manifest_source import ManifestSource
from tests.components.source_images import CLASSES, mask_bytes, put

MASKS = {"mask_feature": "mask", "mask_classes": {"ground": 0, "tree": 1}}


@pytest.fixture
def rows(tmp_path, many_images) -> list[dict]:
    """`photos/images/<number>` and `photos/masks/<number>.png`, and a row for each."""
    folder, found = tmp_path / "photos", []
    for number, content in enumerate(many_images):
        put(folder / "images" / f"{number}", content)
        put(folder / "masks" / f"{number}.png", mask_bytes(number))
        found.append({"path": f"images/{number}", "label": CLASSES[number % 2]})
    return found


@pytest.fixture
def photos(tmp_path) -> Path:
    return tmp_path / "photos"


def with_splits(rows) -> list[dict]:
    """The same rows; of ten that follow each other one is of each of validation and test."""
    names = ["train"] * 8 + ["validation", "test"]
    return [row | {"split": names[number // 2 % 10]} for number, row in enumerate(rows)]


def with_masks(rows) -> list[dict]:
    return [
        {"path": row["path"], "mask": row["path"].replace("images", "masks") + ".png"}
        for row in rows
    ]


def write(path: Path, rows) -> Path:
    """Writes a manifest; its suffix tells the format."""
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".csv":
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def ingest(tmp_path):
    """Runs the executor: `ingest(path, **keys of the source)` returns the artifact."""

    def run(path, beam_pipeline_args=(), fingerprint="", features=None, **keys):
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        context = ManifestExampleGen_Executor.Context(beam_pipeline_args=list(beam_pipeline_args))
        properties = {
            "source": ManifestSource.of(path=str(path), **keys).model_dump_json(),
            "features": Features.of(**features or {}).model_dump_json(),
            "fingerprint": fingerprint,
        }
        ManifestExampleGen_Executor(context).Do({}, {"examples": [examples]}, properties)
        return examples

    return run
