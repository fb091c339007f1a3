"""The embedded digits are what scikit-learn ships, as TFDS serves them."""

import collections

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

import datasets.digits


@pytest.fixture(scope="module")
def builder(prepared_digits) -> tfds.core.DatasetBuilder:
    return tfds.builder("digits", data_dir=prepared_digits)


def labels(builder: tfds.core.DatasetBuilder, split: str) -> collections.Counter:
    return collections.Counter(
        int(example["label"]) for example in tfds.as_numpy(builder.as_dataset(split=split))
    )


@pytest.mark.slow
def test_the_splits_hold_every_digit_of_scikit_learn_once(builder):
    expected = collections.Counter(load_digits().target.tolist())

    assert labels(builder, "train") + labels(builder, "test") == expected
    assert builder.info.splits["train"].num_examples == 1438
    assert builder.info.splits["test"].num_examples == 359


@pytest.mark.slow
def test_each_class_has_its_share_in_the_test_split(builder):
    whole = labels(builder, "all")

    for digit, number in labels(builder, "test").items():
        assert number == pytest.approx(whole[digit] / 5, abs=1)


def test_images_are_the_originals_enlarged(builder):
    originals = load_digits().images * 255 / 16  # (1797, 8, 8)
    example = next(iter(tfds.as_numpy(builder.as_dataset(split="test[:1]"))))

    assert example["image"].shape == (28, 28, 1)
    assert example["image"].dtype == np.uint8
    centres = np.arange(8) * 3.5 + 1.75  # pixels of the enlarged picture
    seen = example["image"][centres.astype(int)][:, centres.astype(int), 0]
    distances = np.abs(originals - seen).mean(axis=(1, 2))
    assert load_digits().target[distances.argmin()] == example["label"]
    assert distances.min() < 40


def test_images_are_stored_as_png(builder):
    undecoded = builder.as_dataset(split="test[:1]", decoders={"image": tfds.decode.SkipDecoding()})

    assert next(iter(undecoded))["image"].numpy().startswith(b"\x89PNG")


@pytest.mark.slow
def test_two_preparations_write_the_same_examples_in_the_same_order(builder, tmp_path):
    again = datasets.digits.Digits(data_dir=tmp_path)
    again.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))

    def examples(one, split):
        # Another process may write the features of an example in another order.
        read = tf.data.TFRecordDataset([str(file) for file in one.info.splits[split].filepaths])
        return [tf.train.Example.FromString(record) for record in read.as_numpy_iterator()]

    for split in ("train", "test"):
        same = examples(builder, split) == examples(again, split)
        assert same  # without the comparison, which pytest would print for half a minute


def test_the_metadata_say_what_it_is_and_whose(builder):
    info = builder.info

    assert info.features["label"].names == list("0123456789")
    assert info.supervised_keys == ("image", "label")
    assert "1,797" in info.description
    assert "Alpaydin" in info.citation
    assert info.homepage.startswith("https://")
    assert "CC BY" in info.redistribution_info.license
