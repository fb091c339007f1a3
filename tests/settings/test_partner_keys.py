"""Keys that change nothing without another one are refused without it."""

import pytest

from settings.reading import load
from tests.settings.digits_mistakes import DIGITS, TUNER, mistakes

FOCAL = "training.loss: {choices: [cross_entropy, focal]}"
GAMMA = "training.focal_gamma: {min: 1, max: 3}"


@pytest.mark.parametrize(
    ("given", "partner", "missed"),
    [
        ("training.focal_gamma=1.5", "training.loss=focal", "training.loss cross_entropy"),
        (
            "augmentation.randaugment_magnitude=5.0",
            "augmentation.randaugment=2",
            "augmentation.randaugment 0",
        ),
        (
            "preprocessing.max_dropped=20",
            "preprocessing.on_corrupt_image=drop",
            "preprocessing.on_corrupt_image fail",
        ),
        (
            "preprocessing.on_corrupt_image=drop",
            "preprocessing.max_dropped=20",
            "preprocessing.max_dropped 0",
        ),
        ("serving.export_images=50", "serving.export=[onnx, tflite_int8]", "serving.export []"),
        ("serving.export_tolerance=0.2", "serving.export=[onnx]", "serving.export []"),
    ],
)
def test_a_key_that_nothing_would_read_is_refused_without_the_one_it_needs(given, partner, missed):
    key, _, value = given.partition("=")
    other = partner.partition("=")[0]
    [line] = mistakes(DIGITS, given)
    begins = f"--set: {key}: given {value}, ignored with {missed}; allowed: with {other} "
    assert line.startswith(begins)
    assert load(DIGITS, [given, partner])


def test_a_search_may_bring_a_key_into_play_but_not_try_one_in_vain():
    assert load(DIGITS, [*TUNER, "training.focal_gamma=1.5", f"tuner.search_space={{{FOCAL}}}"])
    assert load(DIGITS, [*TUNER, f"tuner.search_space={{{FOCAL}, {GAMMA}}}"])
    [line] = mistakes(DIGITS, *TUNER, f"tuner.search_space={{{GAMMA}}}")
    assert "tuner.search_space.training.focal_gamma: ignored with training.loss cross_" in line


def test_a_run_that_may_be_given_another_loss_keeps_the_keys_of_that_one():
    loss = "kubeflow.parameters={loss: training.loss}"
    assert load(DIGITS, ["training.focal_gamma=1.5", loss]).training.focal_gamma == 1.5
