"""Multi-label classification from the data to a pushed model that serves: pairs of digits."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, log_loss

from benchmarks.kills import COMPONENTS
from cli.command_line import main
from datasets.digit_pairs import pairs
from tests.e2e.test_bad_inputs import check_failed

pytestmark = pytest.mark.slow

PAIRS = "configs/digit_pairs.yaml"
TESTED = 120


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run, whose outcome every test looks at: its folder, and the words that name it."""
    root = tmp_path_factory.mktemp("pairs")
    places = {
        "root": f"{root}/root",
        "push.destination": f"{root}/pushed",
        "data.data_dir": f"{root}/data",
        "data.splits.train": "'train[:900]'",
        "data.splits.validation": "'train[900:1100]'",
        "data.splits.test": f"'test[:{TESTED}]'",
        "model.parameters": "{filters: [16, 32]}",
        "training.epochs": "5",
        "evaluation.thresholds": "{mean_average_precision: {min: 0.6}}",
    }
    words = [PAIRS, *(w for key, value in places.items() for w in ("--set", f"{key}={value}"))]
    assert main(["run", "--config", *words]) == 0
    return SimpleNamespace(root=root, words=words)


@pytest.fixture(scope="module")
def model(run):
    return tf.saved_model.load(str(run.root / "pushed" / "1"))


@pytest.fixture(scope="module")
def tested(run, model):
    """Of the test split the records and images, which classes are true, and what the pushed model
    answers."""
    shards = sorted((run.root / "root").glob("TfdsExampleGen/examples/*/Split-test/*"))
    records = list(tf.data.TFRecordDataset(list(map(str, shards))).as_numpy_iterator())
    examples = [tf.train.Example.FromString(record).features.feature for record in records]
    images = [example["image"].bytes_list.value[0] for example in examples]
    truth = np.zeros((TESTED, 10), bool)
    for row, example in zip(truth, examples, strict=True):
        row[list(example["labels"].int64_list.value)] = True
    assert dict(pairs("test", 320)).keys() >= set(images)
    answer = model.signatures["serving_default"](image=tf.constant(images))
    answer = {name: value.numpy() for name, value in answer.items()}
    return SimpleNamespace(records=records, images=images, truth=truth, **answer)


def calibration_error(confidence, right):
    """Of (answers,) by its definition, over 15 bins."""
    bins = np.ceil(confidence.astype(float) * 15).clip(1)
    apart = [
        abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return sum(apart)


def only(folder: Path, pattern: str):
    [file] = folder.glob(pattern)
    return json.loads(file.read_text())


def test_pairs_are_labelled_blessed_pushed_and_reported(run):
    [page] = (run.root / "root" / "reports").glob("*.html")
    text = page.read_text()
    assert re.search(r"mAP 0\.\d+, macro F1 0\.\d+ on 120 examples", text)
    assert "average precision" in text
    assert "Thresholds, chosen on the validation split" in text
    before = r"Expected calibration error .*</strong> calibrated, <strong>0\.\d+</strong> before"
    assert re.search(before, text, re.DOTALL)
    assert "serves: p50" in text
    assert (run.root / "pushed" / "1" / "saved_model.pb").exists()
    assert len(list((run.root / "root").glob("*/"))) >= len(COMPONENTS)


def test_the_metrics_are_what_scikit_learn_computes_of_the_served_answers(run, tested):
    metrics = only(run.root / "root", "Evaluator/blessing/*/blessing.json")["metrics"]
    truth, scores, predicted = tested.truth, tested.probabilities, tested.predicted
    occurring = truth.any(axis=0)
    of_occurring = truth[:, occurring], scores[:, occurring]
    clipped = np.clip(scores.astype(float), 1e-7, 1 - 1e-7)
    expected = {
        "mean_average_precision": average_precision_score(*of_occurring),
        "macro_f1": f1_score(truth[:, occurring], predicted[:, occurring], average="macro"),
        "micro_f1": f1_score(truth, predicted, average="micro"),
        "accuracy": accuracy_score(truth, predicted),
        "expected_calibration_error": calibration_error(scores.ravel(), truth.ravel()),
        "loss": np.mean([log_loss(truth[:, i], clipped[:, i], labels=[0, 1]) for i in range(10)]),
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert metrics["mean_average_precision"] > 0.6
    [folder] = (run.root / "root").glob("Evaluator/evaluation/*")
    [(_, slices)] = tfma.load_eval_result(str(folder)).slicing_metrics
    of_all, of_three = slices[""][""], slices[""]["classId:3"]
    assert of_all["macro_f1"]["doubleValue"] == metrics["macro_f1"]
    expected = average_precision_score(truth[:, 3], scores[:, 3])
    assert of_three["average_precision"]["doubleValue"] == pytest.approx(expected, abs=1e-6)


def test_the_probabilities_are_calibrated_on_the_validation_split(run):
    found = only(run.root / "root", "Trainer/model/*/calibration.json")
    assert found["examples"] == 200
    assert found["loss_after"] <= found["loss_before"]
    history = only(run.root / "root", "Trainer/model_run/*/history.json")
    best = history["epochs"][history["best_epoch"] - 1]
    assert found["loss_before"] == pytest.approx(best["validation_loss"], abs=1e-4)


def test_the_thresholds_of_the_validation_decide_which_labels_are_served(run, tested):
    thresholds = only(run.root / "root", "Trainer/model_run/*/thresholds.json")
    assert list(thresholds) == [str(digit) for digit in range(10)]
    limits = np.array([*thresholds.values()], np.float32)
    asset = run.root / "pushed" / "1" / "assets" / "thresholds.json"
    assert json.loads(asset.read_text()) == thresholds
    np.testing.assert_array_equal(tested.predicted > 0, tested.probabilities >= limits)
    for texts, row, scores in zip(
        tested.labels, tested.predicted, tested.probabilities, strict=True
    ):
        said = [text.decode() for text in texts if text]
        ranked = sorted(np.flatnonzero(row), key=lambda i: -scores[i])
        assert said == [str(i) for i in ranked]


def test_serving_sees_the_labels_that_training_saw(model, tested):
    seen = model.signatures["transform_features"](examples=tf.constant(tested.records))
    rows = np.frombuffer(b"".join(seen["labels"].numpy().ravel()), np.uint8).reshape(-1, 10)
    np.testing.assert_array_equal(rows > 0, tested.truth)
    answer = model.signatures["serve_examples"](examples=tf.constant(tested.records))
    np.testing.assert_array_equal(answer["predicted"], tested.predicted)


def test_predict_names_the_labels(run, tested, tmp_path, capfd):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(tested.images[number])
    place = ["--model", str(run.root / "pushed")]
    assert main(["predict", str(tmp_path), "--json", *place]) == 0
    for number, line in enumerate(capfd.readouterr().out.splitlines()):
        facts = json.loads(line)
        assert facts["labels"] == [text.decode() for text in tested.labels[number] if text]
        assert facts["top"][0]["probability"] == pytest.approx(tested.probabilities[number].max())


def test_batch_predict_writes_labels_and_probabilities(run, tested, tmp_path, capfd):
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.png").write_bytes(tested.images[number])
    words = ["--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert main(["batch-predict", *words, "--model", str(run.root / "pushed")]) == 0
    [file] = (tmp_path / "out").glob("predictions-*.jsonl")
    for number, line in enumerate(file.read_text().splitlines()):
        found = json.loads(line)
        assert found["labels"] == [text.decode() for text in tested.labels[number] if text]
        np.testing.assert_allclose(found["probabilities"], tested.probabilities[number], atol=1e-6)


def test_several_labels_without_multi_label_are_reported_in_one_line(run, pipeline):
    overrides = [word for word in run.words[2::2] if not word.startswith(("root", "push"))]
    single = ("evaluation={thresholds: {accuracy: {min: 0}}}", "data.multi_label=false")
    failed = pipeline(*overrides, *single, config=PAIRS)
    check_failed(
        failed, "SchemaGen", "'labels' holds up to 2 classes", "Set data.multi_label: true"
    )
