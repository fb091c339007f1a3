"""Folders of images with folders of masks beside them."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from failures import Failure
from tests.components.source_images import NUMBER, mask_bytes, pairs_of, put, said

MASKS = {"mask_feature": "mask", "mask_classes": {"ground": 0, "tree": 1}}


@pytest.fixture
def scenes(tmp_path, many_images) -> Path:
    """`scenes/images/<place>/<number>.jpg` and `scenes/masks/<place>/<number>.png`."""
    folder = tmp_path / "scenes"
    for number, content in enumerate(many_images):
        place = f"place{number % 3}/{number}"
        put(folder / "images" / f"{place}.jpg", content)
        put(folder / "masks" / f"{place}.png", mask_bytes(number))
    return folder


def move_into_splits(scenes: Path) -> None:
    for kind in ("images", "masks"):
        for place, split in enumerate(("train", "validation", "test")):
            target = scenes / split / kind
            target.parent.mkdir(exist_ok=True)
            (scenes / kind / f"place{place}").rename(target)
        (scenes / kind).rmdir()


def everything(examples):
    return Counter(pair for pairs in pairs_of(examples, "mask").values() for pair in pairs)


def test_every_image_is_there_byte_for_byte_with_its_mask(scenes, ingest, many_images):
    examples = ingest(scenes, features=MASKS)

    expected = {(content, mask_bytes(number)) for number, content in enumerate(many_images)}
    assert everything(examples) == Counter(expected)
    counts = json.loads(said(examples, "counts"))
    assert counts["train"] == pytest.approx(0.8 * NUMBER, abs=12)
    # The images are of five kinds, whatever their suffix.
    assert said(examples).startswith(f"{NUMBER} examples in 3 splits; 96 images with other kinds'")


def test_folders_of_splits_are_found_and_can_have_any_name(scenes, ingest):
    move_into_splits(scenes)
    counts = json.loads(said(ingest(scenes, features=MASKS), "counts"))
    assert counts == {"train": 40, "validation": 40, "test": 40}

    (scenes / "validation").rename(scenes / "val")
    examples = ingest(scenes, features=MASKS, splits={"train": "train", "test": "val"})
    assert json.loads(said(examples, "counts")) == {"train": 40, "test": 40}
    assert "warning: 40 images outside the classes and splits left out (test/" in said(examples)


def test_the_folders_of_images_and_masks_can_have_any_name(scenes, ingest):
    (scenes / "images").rename(scenes / "photos")
    (scenes / "masks").rename(scenes / "labels")
    keys = {"image_folder": "photos", "mask_folder": "labels"}
    assert everything(ingest(scenes, features=MASKS, **keys)).total() == NUMBER


def test_what_has_no_partner_is_left_out_and_named(scenes, ingest):
    (scenes / "images/place0/0.jpg").unlink()
    (scenes / "masks/place1/1.png").unlink()
    (scenes / "masks/place2/2.png").write_bytes(mask_bytes(2)[:-5])
    shutil.copy(scenes / "images/place0/3.jpg", scenes / "3.jpg")
    examples = ingest(scenes, features=MASKS)

    assert everything(examples).total() == NUMBER - 3
    assert "warning: 1 broken image left out (masks/place2/2.png)" in said(examples)
    assert "warning: 1 image outside the classes and splits left out (3.jpg)" in said(examples)
    expected = "2 images without whole masks left out (images/place1/1.jpg, images/place2/2.jpg)"
    assert f"warning: {expected}" in said(examples)
    assert "warning: 1 mask without an image left out (masks/place0/0.png)" in said(examples)


def test_another_mask_is_another_fingerprint(scenes, ingest):
    before = said(ingest(scenes, features=MASKS), "fingerprint")
    (scenes / "masks/place0/0.png").write_bytes(mask_bytes(1000))
    assert said(ingest(scenes, features=MASKS), "fingerprint") != before


def no_masks(scenes):
    shutil.rmtree(scenes / "masks")
    return "has no image as images/<name> with masks/<name>; 120 do not fit, such as images/place"


def no_images(scenes):
    shutil.rmtree(scenes / "images")
    return "has no image as images/<name> with masks/<name>; 120 do not fit, such as masks/place"


def folders_of_other_names(scenes):
    (scenes / "images").rename(scenes / "img")
    (scenes / "masks").rename(scenes / "ann")
    return "; 240 do not fit, such as ann/place0/0.png. Move the files, or set data.image_folder,"


def two_images_of_one_name(scenes):
    shutil.copy(scenes / "images/place0/0.jpg", scenes / "images/place0/0.png")
    return "images/place0/0.jpg and images/place0/0.png have one name"


def two_masks_of_one_name(scenes):
    shutil.copy(scenes / "masks/place0/0.png", scenes / "masks/place0/0.gif")
    return "masks/place0/0.gif and masks/place0/0.png have one name"


def no_split_of_tests(scenes):
    move_into_splits(scenes)
    shutil.rmtree(scenes / "test")
    return "has images in the folders train, validation and none in test."


def a_split_without_masks(scenes):
    move_into_splits(scenes)
    shutil.rmtree(scenes / "test" / "masks")
    return "split test gets none of the 80 images. Add images, or set data.splits."


@pytest.mark.parametrize(
    "spoil",
    [
        no_masks, no_images, folders_of_other_names, two_images_of_one_name,
        two_masks_of_one_name, no_split_of_tests, a_split_without_masks,
    ],
)  # fmt: skip
def test_bad_folders_of_masks_are_one_line_and_nothing_is_written(spoil, scenes, ingest, tmp_path):
    expected = spoil(scenes)
    with pytest.raises(Failure) as refused:
        ingest(scenes, features=MASKS)
    assert expected in str(refused.value)
    assert str(scenes) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert not list((tmp_path / "examples").rglob("*"))
