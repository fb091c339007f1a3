"""digits from the data to a pushed model that serves, and again from the cache."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.kills import COMPONENTS


def results(printed):
    """{component: result} from the table at a run's end."""
    rows = [line.split("│") for line in printed.splitlines() if "│" in line]
    return {row[1].strip(): row[2].strip() for row in rows if row[1].strip()}


def versions(destination):
    """What a model server sees; hidden names are the store's own."""
    return sorted(path.name for path in destination.iterdir() if path.name[0] != ".")


@pytest.mark.slow
def test_digits_is_trained_blessed_pushed_and_then_cached(digits_run):
    assert results(digits_run.first) == dict.fromkeys(COMPONENTS, "ran")
    assert "blessed" in digits_run.first
    assert results(digits_run.second) == dict.fromkeys(COMPONENTS, "cached")
    assert versions(digits_run.root / "pushed") == ["1"]
    check_that_it_serves(digits_run.root / "pushed" / "1")


@pytest.mark.slow
def test_a_challenger_far_behind_the_champion_is_not_pushed_and_that_is_no_failure(
    after_digits, digits_run
):
    pushed = digits_run.root / "pushed"
    weak = after_digits(
        f"push.destination={pushed}",
        "model.parameters={filters: [8]}",
        "training.epochs=1",
        "training.learning_rate=0.00001",
        "serving.check=false",
        "validation.max_anomalies=1",
    )
    assert weak.code == 0, weak.said
    assert "not blessed" in weak.out
    steps = results(weak.out)
    assert (steps["ValidationGate"], steps["Transform"]) == ("ran", "cached")
    assert versions(pushed) == ["1"]


def check_that_it_serves(folder):
    from sklearn.datasets import load_digits

    import datasets.digits as embedded

    digits = load_digits()
    images = [embedded.enlarged_png(image) for image in digits.images[:200]]
    model = tf.saved_model.load(str(folder))
    answers = model.signatures["serving_default"](image=tf.constant(images))
    labels = np.char.decode(answers["label"].numpy().astype(bytes))
    assert (labels == digits.target[:200].astype(str)).mean() > 0.95
    assert answers["probabilities"].shape == (200, 10)
    np.testing.assert_allclose(answers["probabilities"].numpy().sum(axis=1), 1, atol=1e-5)
