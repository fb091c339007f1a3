"""The embedded scenes: image and mask fit, every class is there, and it is the same each time."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from datasets.digit_scenes import CLASSES, SIDE, DigitScenes, material, scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def builder(prepared) -> tfds.core.DatasetBuilder:
    return DigitScenes(data_dir=prepared("digit_scenes"))


def test_images_and_masks_are_png_of_one_size(builder):
    raw = {name: tfds.decode.SkipDecoding() for name in ("image", "mask")}
    [example] = builder.as_dataset(split="test[:1]", decoders=raw)
    assert all(example[name].numpy().startswith(b"\x89PNG") for name in raw)
    [example] = tfds.as_numpy(builder.as_dataset(split="test[:1]"))
    assert example["image"].shape == (SIDE, SIDE, 3)
    assert example["mask"].shape == (SIDE, SIDE, 1)
    assert builder.info.splits["train"].num_examples == 1000
    assert builder.info.splits["test"].num_examples == 200


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_class_has_its_share_of_the_pixels(builder, split):
    examples = tfds.as_numpy(builder.as_dataset(split=f"{split}[:200]"))
    pixels = np.bincount(np.concatenate([e["mask"].ravel() for e in examples]))
    assert len(pixels) == len(CLASSES)
    assert (pixels / pixels.sum() > 0.04).all()


def test_what_is_drawn_differs_from_what_was_there():
    digits, _ = material("train")
    grey = [np.full((130, 130, 3), 128, np.uint8)]
    scenes = [scene(digits, grey, (5, number)) for number in range(20)]
    image, mask = (np.concatenate(parts) for parts in zip(*scenes, strict=True))
    for kind in ("digit", "disc"):
        drawn = image[mask == CLASSES[kind]].astype(int)
        assert (abs(drawn - 128).max(axis=1) > 40).mean() > 0.9
    assert (abs(image[mask == 0].astype(int) - 128).max(axis=1) < 40).mean() > 0.9


def test_the_splits_share_no_digit_and_no_part_of_a_photograph():
    (train, train_photographs), (test, test_photographs) = map(material, ("train", "test"))
    assert len(train) + len(test) == 1797
    assert not {digit.tobytes() for digit in train} & {digit.tobytes() for digit in test}
    widths = [
        a.shape[1] + b.shape[1] for a, b in zip(train_photographs, test_photographs, strict=True)
    ]
    assert widths == [640, 640]


def test_a_seed_gives_the_same_scene_and_another_seed_another():
    made = [scene(*material("train"), seed) for seed in ((0, 3), (0, 3), (0, 4))]
    np.testing.assert_array_equal(made[0][0], made[1][0])
    np.testing.assert_array_equal(made[0][1], made[1][1])
    assert (made[0][0] != made[2][0]).any()


def test_the_metadata_say_what_it_is_and_whose(builder):
    info = builder.info
    assert info.supervised_keys == ("image", "mask")
    assert "danielbuechele" in info.description
    assert "Alpaydin" in info.citation
    assert "CC BY" in info.redistribution_info.license
