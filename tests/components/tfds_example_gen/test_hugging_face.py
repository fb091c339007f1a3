"""Datasets of Hugging Face are read by their own names where TFDS has prepared them."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from components.batch_predictor.sources import batches, runs_of_dataset
from components.examples.reading import read_class_names
from components.tfds_example_gen.dataset import load
from components.trainer.input.function import from_tfds
from failures import Failure
from settings.sources import TfdsSource
from tests.components.tfds_example_gen.conftest import OFFLINE


class Hub(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """What TFDS makes of `Some-Owner/tiny-digits`: its name, and images as PNG."""

    name = "some_owner__tiny_digits"
    VERSION = tfds.core.Version("1.2.3")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(8, 8, 1)),
            "label": tfds.features.ClassLabel(names=["even", "odd"]),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self):
        for number in range(6):
            yield number, {"image": np.full((8, 8, 1), number, np.uint8), "label": number % 2}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    Hub(data_dir=folder).download_and_prepare(download_config=OFFLINE)
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["", ":1.2.3", ":1.*.*"])
def test_every_door_finds_it_by_its_own_name(data_dir, ingest, read, version):
    name = f"hf:Some-Owner/tiny-digits{version}"
    examples = ingest(name, data_dir)
    assert len(read(examples, "train")) == 6
    assert read_class_names(examples.uri)["label"] == ["even", "odd"]
    fed = from_tfds(name, "train", (8, 8, 1), 6, training=False, data_dir=data_dir)
    [(images, _)] = fed.dataset
    assert sorted(images[:, 0, 0, 0].numpy()) == list(range(6))
    [run] = runs_of_dataset(name, "test", data_dir)
    assert len(next(batches(run))) == 6


def test_one_that_is_not_prepared_is_one_line_with_the_way_on(data_dir):
    with pytest.raises(Failure, match=r"hf:a/b/c is not prepared .*'huggingface:a/b', config='c'"):
        load("hf:a/b/c", data_dir, download=True)


@pytest.mark.parametrize("name", ["hf:", "hf:a/b/c/d", "hf:../b", "hf:a//b"])
def test_what_is_no_name_is_one_line(data_dir, name):
    with pytest.raises(Failure, match="is not the name of a dataset of Hugging Face"):
        load(name, data_dir)


def test_without_a_version_its_content_may_change():
    def source(name):
        return TfdsSource.of(dataset=name, splits={"train": "train", "test": "test"})

    assert not source("hf:a/b").is_fixed
    assert source("hf:a/b:1.0.0").is_fixed


@pytest.mark.slow
def test_preparing_a_dataset_prints_nothing_between_a_verbs_answers(tmp_path, capsys):
    load("digits", str(tmp_path))
    assert capsys.readouterr().out == ""
