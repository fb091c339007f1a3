"""A TFDS dataset's features are asked for by name, and their kinds must suit."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from components.trainer.input.features import Feature
from components.trainer.input.function import from_tfds
from failures import Failure
from tests.components.trainer.input.conftest import fed


class ManyKinds(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 1)),
                    "depth": tfds.features.Image(shape=(None, None, 1), dtype=np.float32),
                    "mask": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16),
                    "pixels": tfds.features.Tensor(shape=(4, 4, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(num_classes=3),
                    "count": np.int32,
                    "smiling": np.bool_,
                    "weight": np.float32,
                    "caption": tfds.features.Text(),
                    "attributes": {"old": np.int64},
                    "views": {
                        "left": tfds.features.Image(shape=(None, None, 1)),
                        "far": np.float32,
                    },
                    "labels": tfds.features.Sequence(np.int64),
                    "corner": tfds.features.Tensor(shape=(2,), dtype=np.int64),
                }
            )
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in ("train", "broken")}

    def _generate_examples(self, split):
        file = io.BytesIO()
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(file, "PNG")
        image = file.getvalue() if split == "train" else b"no image"
        for number in range(3):
            yield (
                number,
                {
                    "image": io.BytesIO(image),
                    "depth": np.zeros((4, 4, 1), np.float32),
                    "mask": np.full(
                        (4, 4, 1), number + (0 if split == "train" else 299), np.uint16
                    ),
                    "pixels": np.zeros((4, 4, 1), np.uint8),
                    "label": number,
                    "count": number,
                    "smiling": number == 0,
                    "weight": 0.5,
                    "caption": "a picture",
                    "attributes": {"old": 1},
                    "views": {"left": np.full((4, 4, 1), 9, np.uint8), "far": 1.0},
                    "labels": [number],
                    "corner": [1, 2],
                },
            )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    data_dir = str(tmp_path_factory.mktemp("tfds"))
    ManyKinds(data_dir=data_dir).download_and_prepare()
    return data_dir


def batches(data_dir, split="train", **how):
    made = fed(
        from_tfds, "many_kinds", split, (4, 4, 1), 3, training=False, data_dir=data_dir, **how
    )
    return list(made.dataset.as_numpy_iterator())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "values"),
    [
        ("label", [0, 1, 2]),
        ("count", [0, 1, 2]),
        ("smiling", [0, 0, 1]),
        ("attributes/old", [1, 1, 1]),
    ],
)
def test_every_single_whole_number_is_a_label(target, values, data_dir):
    [(_, targets)] = batches(data_dir, target=Feature(target))
    assert sorted(targets) == values


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("caption", "Text"),
        ("labels", "Sequence"),
        ("weight", r"Tensor of shape \(\) and type float32"),
        ("corner", r"Tensor of shape \(2,\) and type int64"),
        ("image", r"Image .*type uint8"),
    ],
)
def test_a_label_that_is_no_single_whole_number_is_told_with_its_kind(target, kind, data_dir):
    with pytest.raises(Failure, match=rf"{target!r} of dataset many_kinds is {kind}") as told:
        batches(data_dir, target=Feature(target))
    assert str(told.value).endswith("Choose from: attributes/old, count, label, smiling.")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("asked", ["image", "target"])
@pytest.mark.parametrize("feature", ["depth", "pixels", "label", "attributes/old"])
def test_pixels_that_are_no_image_are_told_with_their_kind(asked, feature, data_dir):
    chosen = feature if asked == "image" else Feature(feature, (4, 4, 1), "uint8")
    with pytest.raises(
        Failure, match=rf"{feature!r} .*needed.* Choose from: image, mask, views/left\.$"
    ):
        batches(data_dir, **{asked: chosen})


def test_features_within_others_have_the_names_of_the_examples(data_dir):
    [(images, targets)] = batches(data_dir, image="views/left", target=Feature("attributes/old"))
    assert (set(images.ravel().tolist()), targets.tolist()) == ({9}, [1, 1, 1])
    with pytest.raises(Failure, match=r"no feature 'views'. Choose from: attributes/old, "):
        batches(data_dir, image="views")


@pytest.mark.slow
def test_a_mask_of_16_bits_has_its_values(data_dir):
    mask = Feature("mask", (4, 4, 1), "uint8")
    [(_, masks)] = batches(data_dir, target=mask)
    assert sorted(masks.reshape(3, -1).tolist()) == [[value] * 16 for value in range(3)]
    told = r"split broken cannot be read: The mask holds (299|30[01]), and values go up to 255\. R"
    with pytest.raises(Failure, match=told):
        batches(data_dir, "broken", image="mask", target=mask)


@pytest.mark.parametrize("split", ["train[:0]", "train[:1%]", "train[:0]+broken[:0]"])
def test_a_part_without_examples_is_told(split, data_dir):
    told = rf"many_kinds has no examples in split '{re.escape(split)}'\. Choose a larger part"
    with pytest.raises(Failure, match=told):
        batches(data_dir, split)


def test_only_files_that_are_damaged_or_gone_are_to_be_prepared_again(data_dir, tmp_path):
    data_dir = shutil.copytree(data_dir, str(tmp_path / "damaged"))
    with pytest.raises(Failure, match=r"split broken cannot be read: This is not a JPEG") as told:
        batches(data_dir, "broken")
    assert "Prepare" not in str(told.value)
    [file] = Path(data_dir).rglob("*train.tfrecord*")
    whole = bytearray(file.read_bytes())
    whole[20] ^= 1
    file.write_bytes(whole)
    with pytest.raises(Failure, match=r"split train: corrupted record .*Prepare the dataset again"):
        batches(data_dir)


@pytest.mark.slow
def test_the_cache_of_a_dataset_that_was_prepared_again_is_not_used(data_dir, tmp_path):
    data_dir = shutil.copytree(data_dir, str(tmp_path / "corrected"))
    disk = {"strategy": "disk", "cache_dir": str(tmp_path / "cache")}
    [(_, labels)] = batches(data_dir, **disk)
    assert sorted(labels) == [0, 1, 2]
    [file] = map(str, Path(data_dir).rglob("*train.tfrecord*"))
    records = list(tf.data.TFRecordDataset(file).as_numpy_iterator())
    with tf.io.TFRecordWriter(file) as writer:
        for record in records:
            example = tf.train.Example.FromString(record)
            example.features.feature["label"].int64_list.value[:] = [2]
            writer.write(example.SerializeToString())
    [(_, labels)] = batches(data_dir, **disk)
    assert labels.tolist() == [2, 2, 2]
