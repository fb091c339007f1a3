"""digits as it is pushed: predict and batch-predict say to 1e-5 what the trainer said."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from cli.command_line import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def expected(digits_run):
    """What the trainer said: {"labels", "answers": {sha256 of the pixels: probabilities}}."""
    [file] = digits_run.root.glob("Trainer/model/*/expected_answers.json")
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def answered(digits_run, expected):
    """(records, probabilities) of the Examples that the trainer answered, in order."""
    shards = sorted(digits_run.root.glob("TfdsExampleGen/examples/*/Split-test/*"))
    records = list(tf.data.TFRecordDataset(str(shards[0])).take(len(expected["answers"])))
    model = tf.saved_model.load(str(digits_run.root / "pushed" / "1"))
    pixels = model.signatures["transform_features"](examples=tf.stack(records))["image"]
    names = [hashlib.sha256(one).hexdigest() for one in pixels.numpy().ravel()]
    return [record.numpy() for record in records], [expected["answers"][name] for name in names]


def test_predict_says_what_the_trainer_said(digits_run, expected, answered, tmp_path, capfd):
    records, right = answered
    assert len(records) == 16
    for number, record in enumerate(records):
        features = tf.train.Example.FromString(record).features.feature
        (tmp_path / f"{number:02}.png").write_bytes(features["image"].bytes_list.value[0])
    capfd.readouterr()
    words = ["predict", str(tmp_path), "--json", "--top", "10"]
    assert main([*words, "--model", str(digits_run.root / "pushed")]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    for line, probabilities in zip(lines, right, strict=True):
        reported = {one["label"]: one["probability"] for one in line["top"]}
        given = [reported[label] for label in expected["labels"]]
        np.testing.assert_allclose(given, probabilities, rtol=0, atol=1e-5)
        assert line["label"] == expected["labels"][int(np.argmax(probabilities))]


@pytest.mark.parametrize("count", [1, 16, 600])
def test_batch_predict_says_what_the_trainer_said(count, digits_run, answered, tmp_path, capfd):
    records, right = answered
    data = tmp_path / "data.tfrecord"
    with tf.io.TFRecordWriter(str(data)) as writer:
        for number in range(count):
            writer.write(records[number % 16])
    output = tmp_path / "out"
    words = ["--input", str(data), "--output", str(output)]
    assert main(["batch-predict", *words, "--model", str(digits_run.root / "pushed")]) == 0
    [file] = output.glob("predictions-*.jsonl")
    given = [json.loads(line)["probabilities"] for line in file.read_text().splitlines()]
    wanted = [right[number % 16] for number in range(count)]
    np.testing.assert_allclose(given, wanted, rtol=0, atol=1e-5)
    shutil.rmtree(output)


def test_the_pushed_version_is_listed_and_shown(digits_run, capsys):
    assert main(["models", "list", *digits_run.place]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("version 1 ")
    assert " accuracy 0.9" in line
    assert line.endswith("in service")
    assert main(["models", "show", "1", *digits_run.place]) == 0
    shown = capsys.readouterr().out
    assert f"  path                   {digits_run.root}/pushed/1\n" in shown
    assert "  example_count          359\n" in shown
