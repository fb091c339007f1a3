"""A user's package beside the configuration: trained, evaluated, pushed and served."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import datasets.digits as embedded
from tests.e2e.test_digits import results, versions
from tests.own_code.user_package import forget_afterwards

pytestmark = pytest.mark.slow
PACKAGE = "vision_kit"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The example of tests/own_code, where a test may edit it."""
    forget_afterwards(monkeypatch)
    yield Path(shutil.copytree("tests/own_code", tmp_path / "photos"))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_digits_with_user_code_is_pushed_serves_without_it_and_knows_its_edits(
    folder, pipeline, tmp_path, monkeypatch
):
    first = pipeline(config=folder / "digits.yaml")
    assert first.code == 0, first.said
    assert versions(tmp_path / "pushed") == ["1"], first.said
    check_the_metric(tmp_path / "root")

    with monkeypatch.context() as patch:
        # An import of the package would fail.
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            patch.setitem(sys.modules, name, None)
        check_that_it_serves(tmp_path / "pushed" / "1")

    scores = folder / PACKAGE / "scores.py"
    scores.write_text(scores.read_text() + "\n# edited\n")
    second = pipeline("serving.check=false", config=folder / "digits.yaml")
    assert second.code == 0, second.said
    of = results(second.out)
    assert (of["Trainer"], of["Evaluator"]) == ("cached", "ran")


def check_the_metric(root):
    [blessing] = root.glob("Evaluator/blessing/*/blessing.json")
    metrics = json.loads(blessing.read_text())["metrics"]
    [counts] = root.glob("Evaluator/evaluation/*/counts.json")
    assert counts.is_file()
    missed = 1 - metrics["accuracy"]
    assert missed <= metrics["MeanCost"] <= 5 * missed


def check_that_it_serves(place):
    digits = load_digits()
    images = [embedded.enlarged_png(image) for image in digits.images[:200]]
    model = tf.saved_model.load(str(place))
    answers = model.signatures["serving_default"](image=tf.constant(images))
    labels = np.char.decode(answers["label"].numpy().astype(bytes))
    assert (labels == digits.target[:200].astype(str)).mean() > 0.7
