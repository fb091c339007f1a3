"""`data.source` decides which keys the section `data` has."""

import json
from pathlib import Path

import pytest

from failures import ConfigurationError
from settings.configuration import Configuration
from settings.reading import load
from settings.replace import replaced
from settings.sources import FolderSource, TfdsSource

DIGITS = Path("configs/digits.yaml")
PHOTOS = "data={source: folder, path: photos}"


def mistakes(*overrides):
    with pytest.raises(ConfigurationError) as refused:
        load(DIGITS, overrides)
    return str(refused.value).splitlines()


def test_a_configuration_without_a_source_is_one_of_tfds():
    data = load(DIGITS).data
    assert data.source == "tfds"
    assert isinstance(data.source_keys, TfdsSource)
    assert data.source_keys.dataset == "digits:1.0.0"


def test_a_folder_needs_its_path_alone():
    assert load(DIGITS, [PHOTOS]).data.source_keys == FolderSource(path="photos")


@pytest.mark.parametrize("overrides", [[], [PHOTOS]])
def test_a_configuration_is_the_same_after_its_way_through_json(overrides):
    configuration = load(DIGITS, overrides)
    text = configuration.model_dump_json(by_alias=True)
    assert Configuration.model_validate(json.loads(text)) == configuration


def test_a_key_of_the_source_can_be_replaced():
    configuration = replaced(load(DIGITS, [PHOTOS]), {"data.path": "others"})
    assert configuration.data.path == "others"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["data.source=foldr"], "data.source: given 'foldr'; allowed: folder, tfds; did you mean"),
        (["data.source=[1]"], "data.source: given [1]; allowed: folder, tfds"),
        (
            ["data={path: photos}"],
            "data: given {'path': 'photos'}; allowed: path beside source: fol",
        ),
        (["data={source: folder}"], "data.path: missing; the folder that holds a folder of images"),
        ([PHOTOS, "data.pth=x"], "data.pth: unknown key; did you mean path?"),
        ([PHOTOS, "data.path=5"], "data.path: given 5; allowed: a folder of this machine"),
        ([PHOTOS, "data.path=s3://bucket/photos"], "allowed: a folder of this machine"),
        ([PHOTOS, "data.mask_feature=mask"], "allowed: none, as this source has no masks"),
        ([PHOTOS, "data.splits={train: 80}"], "data.splits.test: missing; images that the"),
        ([PHOTOS, "data.splits={train: 80, test: 10}"], "percentages whose sum is 100, or folders"),
        ([PHOTOS, "data.splits={train: 90, test: x}"], "percentages whose sum is 100, or folders"),
        ([PHOTOS, "data.splits={train: x, test: x}"], "allowed: a folder of its own for each"),
        ([PHOTOS, "data.splits={train: 100, test: a}"], "a percentage, 1 to 99, or a folder's"),
        ([PHOTOS, "data.splits={train: a/b, test: a}"], "a percentage, 1 to 99, or a folder's"),
        ([PHOTOS, "data.splits={train: true, test: a}"], "a percentage, 1 to 99, or a folder's"),
        (["data={dataset: digits}"], "data.splits: missing; a section with train, test"),
    ],
)
def test_a_mistake_in_a_source_is_one_line(overrides, expected):
    [line] = mistakes(*overrides)
    assert expected in line


def test_a_tuner_needs_a_validation_split_of_whatever_source():
    tuner = "tuner={trials: 2, epochs: 1, search_space: {training.learning_rate: {choices: [1]}}}"
    assert load(DIGITS, [PHOTOS, tuner]).tuner
    [line] = mistakes(PHOTOS, tuner, "data.splits={train: 80, test: 20}")
    assert "data.splits.validation, which is missing" in line
