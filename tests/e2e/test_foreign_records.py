"""TFRecords as others write them, with their own names of features, to a model that predicts."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from cli.command_line import main
from files import tfrecords
from tests.components.source_images import put
from tests.e2e.test_digits import results
from tests.e2e.test_folder import COLOURS, image_of

COUNTS = {"train": 120, "validation": 30, "test": 30}
CONFIGURATION = {
    "name": "colours",
    "root": "root",
    "data": {
        "source": "tfrecords",
        "path": "records",
        "image_feature": "image/encoded",
        "label_feature": "image/class/label",
        "class_names": list(COLOURS),
        "splits": {"train": "train-*", "validation": "validation-*", "test": "test-*"},
    },
    "preprocessing": {"height": 16, "width": 16},
    "model": {"name": "small_cnn"},
    "training": {"epochs": 4},
    "evaluation": {"thresholds": {"accuracy": {"min": 0.6}}},
    "serving": {"check": False},
    "push": {"destination": "pushed"},
}


def record(number: int) -> bytes:
    """An Example with the names of TensorFlow's old scripts, and features that none reads."""
    label = number % len(COLOURS)
    example = tf.train.Example()
    features = example.features.feature
    features["image/encoded"].bytes_list.value.append(image_of(list(COLOURS)[label], number))
    features["image/class/label"].int64_list.value.append(label)
    features["image/filename"].bytes_list.value.append(f"{number}.jpg".encode())
    boxes = np.random.default_rng(number).random(4 * (number % 3))
    features["image/object/bbox"].float_list.value.extend(boxes)
    return example.SerializeToString()


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The working folder, with colours.yaml and records/<split>-*, of which some are gzipped."""
    numbers = iter(range(sum(COUNTS.values())))
    for split, count in COUNTS.items():
        records = [tfrecords.frame(record(next(numbers))) for _ in range(count)]
        put(tmp_path / "records" / f"{split}-00000-of-00002", b"".join(records[::2]))
        content = gzip.compress(b"".join(records[1::2]))
        put(tmp_path / "records" / f"{split}-00001-of-00002.gz", content)
    (tmp_path / "colours.yaml").write_text(yaml.safe_dump(CONFIGURATION, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(capfd, *words) -> tuple[int, str]:
    capfd.readouterr()
    code = main([*words, "--config", "colours.yaml"])
    said = capfd.readouterr()
    return code, said.out + said.err


@pytest.mark.slow
def test_records_of_others_become_a_model_that_answers_by_the_names_of_classes(here, capfd):
    code, said = command(capfd, "check")
    assert code == 0, said
    code, said = command(capfd, "run")
    assert code == 0, said
    assert results(said)["TfrecordsExampleGen"] == "ran"
    assert "180 examples in 3 splits" in " ".join(said.replace("│", " ").split())

    code, said = command(capfd, "lineage", "1", "--json")
    assert (code, json.loads(said)["data"]["dataset"]) == (0, "records")

    put(here / "new.jpg", image_of("green", 2000))
    code, said = command(capfd, "predict", "new.jpg", "--json")
    assert code == 0, said
    assert json.loads(said.splitlines()[-1])["label"] in COLOURS

    code, said = command(
        capfd, "batch-predict", "--input", "records/test-*", "--output", "predictions"
    )
    assert code == 0, said
    lines = [
        json.loads(line)
        for file in sorted((here / "predictions").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    assert len(lines) == COUNTS["test"]
    assert {line["label"] for line in lines} <= set(COLOURS)

    code, said = command(capfd, "run")
    assert code == 0, said
    assert results(said)["TfrecordsExampleGen"] == "cached"


@pytest.mark.slow
def test_a_feature_that_is_not_there_stops_the_run_in_one_line(here, capfd):
    code, said = command(capfd, "run", "--set", "data.image_feature=image")
    words = " ".join(said.replace("│", " ").split())
    assert code == 1
    assert "TfrecordsExampleGen failed" in words
    assert "feature 'image' is missing. It has: image/class/label (int64), image/encoded" in words
    assert "Traceback" not in said
    assert not (here / "pushed").exists()
