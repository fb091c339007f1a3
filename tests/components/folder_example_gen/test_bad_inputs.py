"""Each bad folder is one clear line, and nothing is left half-written."""

import os
import shutil
from pathlib import Path

import pytest

from failures import Failure
from tests.components.source_images import put


def a_missing_folder(photos):
    shutil.rmtree(photos)
    return "there is no such folder. Correct data.path."


def a_file(photos):
    shutil.rmtree(photos)
    photos.write_bytes(b"")
    return "is a file. Name the folder that holds the images in data.path."


def no_file(photos):
    shutil.rmtree(photos)
    photos.mkdir()
    return "has no image as <class>/<name>. Move the images"


def no_image(photos):
    shutil.rmtree(photos)
    put(photos / "cat" / "notes.txt", b"miaow")
    return "has no image as <class>/<name>. Move the images"


def images_without_classes(photos):
    for file in photos.glob("*/*"):
        file.rename(photos / f"{file.name}.jpg")
    return "has no image as <class>/<name>; 120 lie elsewhere, such as 0.jpg."


def split_folders_of_other_names(photos):
    for split in ("train", "val", "test"):
        shutil.copytree(photos / "cat", photos.parent / "moved" / split / "cat")
    shutil.rmtree(photos)
    (photos.parent / "moved").rename(photos)
    return "as in {train: train, validation: val, test: test}"


def no_folder_of_tests(photos):
    for label in ("cat", "dog"):
        shutil.move(photos / label, photos / "train" / label)
    return "has images in the folders train and none in test"


def one_class(photos):
    shutil.rmtree(photos / "dog")
    return "has one class only, cat. Add images of another class."


def a_class_of_one_image(photos):
    put(photos / "bird" / "1", (photos / "cat" / "0").read_bytes() + b"\0")
    return "class bird. Add images of it, remove its folder, or set data.splits."


def few_images(photos):
    for file in sorted(photos.glob("*/*"))[:-3]:
        file.unlink()
    put(photos / "cat" / "1", (photos / "dog" / "97").read_bytes())
    return "gets none of the 4 images. Add images, or set data.splits."


def a_class_that_is_no_text(photos):
    os.rename(os.fsencode(photos / "dog"), os.fsencode(photos) + b"/\xff\xfe")
    return "the class folder ?? has a character that is not printable UTF-8"


def a_class_of_two_lines(photos):
    (photos / "dog").rename(photos / "do\ng")
    return "the class folder do?g has a character that is not printable UTF-8"


@pytest.mark.parametrize(
    "spoil",
    [
        a_missing_folder, a_file, no_file, no_image, images_without_classes,
        split_folders_of_other_names, no_folder_of_tests, one_class, a_class_of_one_image,
        few_images, a_class_that_is_no_text, a_class_of_two_lines,
    ],
)  # fmt: skip
def test_a_bad_folder_is_one_line_and_nothing_is_written(spoil, photos, ingest, tmp_path):
    expected = spoil(photos)
    check_refused(lambda: ingest(photos), expected, photos, tmp_path)


def test_a_class_of_one_split_folder_alone_is_named(split_photos, ingest, tmp_path):
    image = (split_photos / "train/cat/0").read_bytes()
    put(split_photos / "train" / "bird" / "1", image)
    expected = "split train alone has images of class bird. Add images of it"
    check_refused(lambda: ingest(split_photos), expected, split_photos, tmp_path)

    (split_photos / "train" / "bird").rename(split_photos / "test" / "bird")
    expected = "split train has no image of class bird."
    check_refused(lambda: ingest(split_photos), expected, split_photos, tmp_path)


def test_a_split_folder_that_is_missing_is_named(split_photos, ingest, tmp_path):
    splits = {"train": "train", "test": "tests"}
    expected = "split test gets none of the 10 images."
    check_refused(lambda: ingest(split_photos, splits=splits), expected, split_photos, tmp_path)


@pytest.mark.parametrize("place", ["cat", "cat/0"])
def test_what_may_not_be_read_is_named(place, photos, ingest, tmp_path, monkeypatch):
    refuse_to_read(photos / place, monkeypatch)
    expected = f"photos/{place} cannot be read: Permission denied to user"
    check_refused(lambda: ingest(photos), expected, photos, tmp_path)


def test_a_folder_that_changes_after_the_driver_saw_it_is_refused(photos, ingest, tmp_path):
    expected = "changed while it was read. Run again."
    check_refused(lambda: ingest(photos, fingerprint="0" * 64), expected, photos, tmp_path)


def test_an_image_that_changes_while_it_is_read_leaves_no_shard(
    photos, ingest, tmp_path, monkeypatch
):
    from components.folder_example_gen import component

    read = component.contents.read

    def read_and_spoil(*given):
        found = read(*given)
        (photos / "cat" / "2").write_bytes((photos / "cat" / "4").read_bytes())
        return found

    monkeypatch.setattr(component.contents, "read", read_and_spoil)
    expected = "photos/cat/2 changed while it was read. Run again."
    check_refused(lambda: ingest(photos), expected, photos, tmp_path)


def check_refused(ingest, expected: str, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        ingest()
    assert expected in str(refused.value)
    assert str(photos) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert not list((tmp_path / "examples").rglob("*"))


def refuse_to_read(path: Path, monkeypatch) -> None:
    """Takes the right to read a path; root reads in spite of it, so the calls refuse as well."""
    from components.examples import picture_files
    from components.folder_example_gen import scan

    def refusing(function):
        def call(given, *rest):
            if Path(given) == path:
                raise PermissionError(13, "Permission denied", str(given))
            return function(given, *rest)

        return call

    monkeypatch.setattr(picture_files, "opened", refusing(picture_files.opened))
    monkeypatch.setattr(scan.os, "scandir", refusing(os.scandir))
