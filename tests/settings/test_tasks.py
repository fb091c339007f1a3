"""What does not fit the task of a configuration is one line."""

import pytest

from settings.reading import load
from tests.settings.digits_mistakes import DIGITS, MASKS, SEVERAL, TWO, mistakes


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([MASKS], "data.mask_classes: given {}; allowed: 2 to 255 classes"),
        ([MASKS, "data.mask_classes={thing: 1}"], "given {'thing': 1}; allowed: 2 to 255 classes"),
        ([MASKS, "data.mask_classes={a: 1, b: 1}"], "allowed: a pixel value of its own"),
        (
            [MASKS, "data.mask_classes={a: 1, b: 256}"],
            "given 256; allowed: a whole number, 0 to 255",
        ),
        ([MASKS, "data.mask_classes={a: 1, b: '12'}"], "given '12'; allowed: a whole number"),
        ([MASKS, "data.mask_classes={a: 1, b: '#ff8000'}"], "pixel values or colours, not both"),
        ([MASKS, "data.mask_classes={a: '#ff8000', b: '#ff8000'}"], "value of its own"),
        ([MASKS, "data.mask_classes={a: 1, '': 2}"], "allowed: a name of one line"),
        ([TWO], "allowed: only with data.mask_feature"),
        (["data.mask_feature=image", TWO], "another feature than data.image_feature"),
        ([MASKS, TWO], "small_cnn is for classification, and there is data.mask_feature; allowed"),
        (["model.name=unet"], "unet is for segmentation, and there is no data.mask_feature"),
        (
            [MASKS, TWO, "model={name: unet}", "training.recipe=from_scratch"],
            "training.mixup: given 0.2 (of recipe from_scratch); allowed: 0, as masks cannot",
        ),
        (
            [MASKS, TWO, "model={name: unet}", "training.sampling=balanced"],
            "training.sampling: balanced needs one class for each image; allowed: shuffled",
        ),
        (
            [MASKS, TWO, "model={name: unet}", "training.class_weights={thing: 2, sky: 1}"],
            "training.class_weights: sky is not a class; allowed: ground, thing",
        ),
        (
            [MASKS, TWO, "model={name: unet}", "training.class_weights={thing: 0, ground: 0}"],
            "training.class_weights: every class has the weight 0",
        ),
        (
            [MASKS, TWO, "model={name: unet}", "training.input.strategy=compressed"],
            "training.input.strategy: given compressed, and masks would lose their classes",
        ),
    ],
)
def test_what_does_not_fit_segmentation_is_told_in_one_line(overrides, expected):
    [line] = mistakes(DIGITS, *overrides)
    assert expected in line


PHOTOS = "data={source: manifest, path: photos/labels.csv, multi_label: true}"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            [SEVERAL, MASKS, TWO],
            "data.mask_feature: given 'mask'; allowed: only without data.multi",
        ),
        (
            [SEVERAL, "model.name=unet"],
            "unet is for segmentation, and there is no data.mask_feature",
        ),
        (
            [SEVERAL, "training.sampling=balanced"],
            "training.sampling: balanced needs one class for each image; allowed: shuffled",
        ),
        (
            [SEVERAL, "training.monitor=expected_calibration_error"],
            "training.monitor: given 'expected_calibration_error'; allowed: accuracy, loss",
        ),
        (
            [SEVERAL, "evaluation.thresholds={mean_iou: {min: 1}}"],
            "evaluation.thresholds.mean_iou: not measured in multi_label; allowed: accuracy, ",
        ),
        (
            ["training.monitor=mean_average_precision"],
            "training.monitor: mean_average_precision is not of classification; allowed: accuracy,",
        ),
        (
            ["evaluation.thresholds={mean_average_precision: {min: 1}}"],
            "mean_average_precision: not measured in classification; allowed: accuracy",
        ),
        (
            ["data={source: folder, path: photos, multi_label: true}"],
            "multi_label: true needs source: tfds, manifest or tfrecords",
        ),
        ([PHOTOS], "label_separator is missing, and a CSV has no lists; allowed: what"),
        (
            ["data={source: manifest, path: photos/labels.csv, label_separator: ;}"],
            "label_separator is given; allowed: only with multi_label: true",
        ),
    ],
)
def test_what_does_not_fit_several_labels_is_reported_in_one_line(overrides, expected):
    [line] = mistakes(DIGITS, *overrides)
    assert expected in line


def test_networks_for_whole_images_give_several_labels_too():
    by = "training.monitor=mean_average_precision"
    assert load(DIGITS, [SEVERAL, by]).data.task == "multi_label"
    data = {"label_separator": ";", "multi_label": True, "path": "photos/labels.csv"}
    assert load(DIGITS, [f"data={data | {'source': 'manifest'}}"]).data.task == "multi_label"
