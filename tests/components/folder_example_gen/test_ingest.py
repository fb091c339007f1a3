"""What FolderExampleGen makes of folders of images."""

import json
import logging
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.components.source_images import NUMBER, put


def said(examples, name="summary"):
    return examples.get_string_custom_property(name)


def everything(read, examples):
    return Counter(pair for pairs in read(examples).values() for pair in pairs)


def test_every_image_is_there_byte_for_byte_with_its_folder_as_label(
    photos, ingest, read, many_images
):
    examples = ingest(photos)

    expected = {(content, (b"cat", b"dog")[n % 2]) for n, content in enumerate(many_images)}
    assert everything(read, examples) == Counter(expected)
    assert said(examples, "dataset") == str(photos)


def test_without_splits_four_fifths_train_and_the_rest_is_halved(photos, ingest, read):
    examples = ingest(photos)
    counts = {split: len(pairs) for split, pairs in read(examples).items()}

    assert counts == json.loads(said(examples, "counts"))
    assert said(examples) == f"{NUMBER} examples in 3 splits"
    assert counts["train"] == pytest.approx(0.8 * NUMBER, abs=12)
    assert counts["validation"] == pytest.approx(0.1 * NUMBER, abs=8)


def test_percentages_are_those_of_the_configuration(photos, ingest, read):
    counts = {
        split: len(pairs)
        for split, pairs in read(ingest(photos, splits={"train": 50, "test": 50})).items()
    }

    assert set(counts) == {"train", "test"}
    assert counts["train"] == pytest.approx(NUMBER / 2, abs=15)


def test_folders_of_splits_are_found_by_their_names(split_photos, ingest):
    assert json.loads(said(ingest(split_photos), "counts")) == {
        "train": 10,
        "validation": 4,
        "test": 4,
    }


def test_folders_of_splits_can_have_any_name(split_photos, ingest):
    (split_photos / "validation").rename(split_photos / "val")
    examples = ingest(split_photos, splits={"train": "train", "test": "val"})

    assert json.loads(said(examples, "counts")) == {"train": 10, "test": 4}
    assert "4 images outside the classes and splits left out (test/" in said(examples)


def test_classes_may_have_the_names_of_splits(tmp_path, photos, ingest, read):
    photos.joinpath("cat").rename(photos / "train")
    photos.joinpath("dog").rename(photos / "test")

    examples = ingest(photos)
    assert {label for _, label in everything(read, examples)} == {b"train", b"test"}


def test_the_shards_are_named_as_tfx_names_them_and_none_is_empty(split_photos, ingest):
    examples = ingest(split_photos)

    files = sorted(Path(examples.uri, "Split-validation").iterdir())
    assert [file.name for file in files] == [f"data_tfrecord-0000{n}-of-00004" for n in range(4)]
    assert all(file.stat().st_size for file in files)


def test_images_of_all_classes_are_mixed(photos, ingest, read):
    labels = [label for _, label in read(ingest(photos))["train"]]

    assert len(set(labels[:20])) == 2


def test_the_features_have_the_names_of_the_configuration(photos, ingest):
    from components.examples.reading import read_examples

    examples = ingest(photos, features={"image_feature": "photo", "label_feature": "animal"})
    first = next(read_examples(Path(examples.uri), "train"))
    assert set(first) == {"photo", "animal"}


@pytest.mark.slow
def test_a_beam_runner_writes_the_same_shards(photos, ingest):
    def content(examples):
        return {file.name: file.read_bytes() for file in Path(examples.uri).rglob("data_*")}

    here = content(ingest(photos))
    assert here
    assert content(ingest(photos, ["--direct_running_mode=multi_threading"])) == here


def test_links_are_followed_but_not_in_circles(tmp_path, photos, ingest, read):
    shutil.move(photos / "cat", tmp_path / "elsewhere")
    (photos / "cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(photos)

    assert everything(read, ingest(photos)).total() == NUMBER


def test_what_is_no_whole_image_is_left_out_counted_and_named(photos, ingest, read, caplog):
    image = (photos / "cat" / "0").read_bytes()
    put(photos / "cat" / "cut.jpg", image[: len(image) // 2])
    put(photos / "cat" / "page.png", b"<html>404</html>")
    os.truncate(put(photos / "cat" / "scan", b"BM"), (256 << 20) + 1)
    put(photos / "dog" / "nothing.jpg", b"")
    put(photos / "notes.txt", b"read me")
    put(photos / "cat" / "x.npy", b"\x93NUMPY")
    os.mkfifo(photos / "dog" / "pipe")
    put(photos / "top.jpg", image)
    put(photos / "cat" / "old" / "deep.jpg", image)
    put(photos / "cat" / ".DS_Store", b"hidden")
    put(photos / ".cache" / "thumb.jpg", image)
    with caplog.at_level(logging.WARNING):
        examples = ingest(photos)

    assert everything(read, examples).total() == NUMBER
    summary = said(examples)
    assert summary == (
        f"{NUMBER} examples in 3 splits; "
        "warning: 2 broken images left out (cat/cut.jpg, cat/page.png); "
        "warning: 1 empty file left out (dog/nothing.jpg); "
        "warning: 1 image above 256 MiB left out (cat/scan); "
        "warning: 2 images outside the classes and splits left out (cat/old/deep.jpg, top.jpg); "
        "2 hidden files or folders left out (.cache, cat/.DS_Store); "
        "3 files left out that are not JPEG, PNG, GIF, BMP or WebP (cat/x.npy, dog/pipe, notes.txt)"
    )
    assert "cat/cut.jpg, cat/page.png" in caplog.text


def test_links_to_nothing_and_images_of_other_formats_are_counted_as_such(photos, ingest):
    (photos / "cat" / "gone.jpg").symlink_to("nowhere")
    (photos / "cat" / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (photos / "dog" / "scan.jpg").write_bytes(b"II*\0\x08\0\0\0")
    summary = ingest(photos).get_string_custom_property("summary")
    assert "warning: 1 missing file left out (cat/gone.jpg)" in summary
    assert "warning: 2 images of other formats than JPEG, PNG, GIF, BMP or WebP left out" in summary


def test_links_to_themselves_or_to_each_other_are_links_to_nothing(photos, ingest, read):
    (photos / "cat" / "latest").symlink_to("latest")
    (photos / "dog" / "one").symlink_to("other")
    (photos / "dog" / "other").symlink_to("one")

    examples = ingest(photos)

    assert everything(read, examples).total() == NUMBER
    assert "3 missing files left out (cat/latest, dog/one, dog/other)" in said(examples)


def test_a_suffix_of_another_kind_does_not_matter_and_is_named(photos, ingest, read):
    (photos / "cat" / "0").rename(photos / "cat" / "0.png")
    (photos / "dog" / "1").rename(photos / "dog" / "1.png")
    examples = ingest(photos)

    assert everything(read, examples).total() == NUMBER
    assert said(examples).endswith("; 1 image with another kind's suffix kept (cat/0.png)")


def test_duplicates_are_kept_counted_and_in_one_split(photos, ingest, read):
    for number in range(0, 40, 2):
        shutil.copy(photos / "cat" / f"{number}", photos / "cat" / f"copy-of-{number}")
    examples = ingest(photos)

    assert "; 20 duplicates kept (cat/copy-of-0, cat/copy-of-10, cat/copy-of-12 and 17 more)" in (
        said(examples)
    )
    splits = {}
    for split, pairs in read(examples).items():
        for content, _ in pairs:
            splits.setdefault(content, set()).add(split)
    assert {len(found) for found in splits.values()} == {1}


def test_one_content_in_two_classes_or_two_splits_is_a_warning(split_photos, ingest):
    shutil.copy(split_photos / "train/cat/0", split_photos / "train/dog/other")
    shutil.copy(split_photos / "train/cat/0", split_photos / "test/cat/same")
    summary = said(ingest(split_photos))

    # The first of the three by its path is in test.
    assert "warning: 1 duplicate with another class kept (train/dog/other)" in summary
    assert "warning: 1 duplicate in another split kept (train/cat/0)" in summary
