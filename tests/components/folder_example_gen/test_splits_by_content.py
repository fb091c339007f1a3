"""A file's content alone decides about its split, and the set of contents is the fingerprint."""

import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.folder_example_gen import contents, scan
from failures import Failure
from settings.data import Features
from settings.sources import FolderSource
from tests.components.source_images import CLASSES, NUMBER, image_bytes, put

_KEPT = 80  # images that stay; the others come and go
numbers = st.sets(st.integers(_KEPT, NUMBER - 1))


def read(folder) -> contents.ImageFiles:
    return contents.read(FolderSource(path=str(folder)), Features())


def splits_of(folder) -> dict[bytes, str]:
    roles = read(folder).roles
    return {image.digest: role for role, images in roles.items() for image in images}


@pytest.fixture(scope="module")
def pool(tmp_path_factory, many_images):
    folder = tmp_path_factory.mktemp("pool")
    return [put(folder / f"{n}", content) for n, content in enumerate(many_images)]


def folder_of(pool, chosen, prefix) -> Path:
    """A folder of some images of the pool, whose names begin with `prefix`."""
    folder = Path(tempfile.mkdtemp(dir=pool[0].parent.parent))
    for label in CLASSES:
        (folder / label).mkdir()
    for number in chosen:
        os.link(pool[number], folder / CLASSES[number % 2] / f"{prefix}{number}")
    return folder


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(before=numbers, after=numbers, renamed=st.booleans())
def test_no_file_moves_when_others_come_and_go_or_names_change(pool, before, after, renamed):
    kept = set(range(_KEPT))
    one = splits_of(folder_of(pool, kept | before, "a"))
    other = splits_of(folder_of(pool, kept | after, "b" if renamed else "a"))

    shared = one.keys() & other.keys()
    assert len(shared) == len(kept | (before & after))
    assert {digest: one[digest] for digest in shared} == {d: other[d] for d in shared}


def test_equal_content_has_one_fingerprint_whatever_the_order_of_the_file_system(
    photos, tmp_path, monkeypatch
):
    before = read(photos).fingerprint
    scandir = os.scandir

    def shuffled(path):
        entries = list(scandir(path))
        random.Random(1).shuffle(entries)
        return entries

    monkeypatch.setattr(scan.os, "scandir", shuffled)
    assert read(photos).fingerprint == before
    monkeypatch.undo()
    copy = shutil.copytree(photos, tmp_path / "copy", copy_function=shutil.copyfile)
    assert read(copy).fingerprint == before


def test_names_and_files_that_are_left_out_do_not_change_the_fingerprint(photos):
    before = read(photos).fingerprint
    (photos / "cat" / "0").rename(photos / "cat" / "renamed.gif")
    put(photos / "notes.txt", b"read me")

    assert read(photos).fingerprint == before


def test_another_content_of_the_same_size_and_time_is_another_fingerprint(photos):
    before, file = read(photos).fingerprint, photos / "cat" / "0"
    times, content = file.stat(), bytearray(file.read_bytes())
    content[30] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert read(photos).fingerprint != before


@pytest.mark.parametrize("change", ["removed", "copied", "another class", "other splits"])
def test_whatever_changes_the_examples_changes_the_fingerprint(photos, change):
    before, keys = read(photos).fingerprint, {}
    if change == "removed":
        (photos / "cat" / "0").unlink()
    elif change == "copied":
        shutil.copy(photos / "cat" / "0", photos / "cat" / "copy")
    elif change == "another class":
        (photos / "cat" / "0").rename(photos / "dog" / "0")
    else:
        keys = {"splits": {"train": 70, "validation": 20, "test": 10}}

    assert (
        contents.read(FolderSource.of(path=str(photos), **keys), Features()).fingerprint != before
    )


def test_the_executor_finds_the_fingerprint_that_the_driver_finds(photos, ingest):
    from components.folder_example_gen.contents import Driver

    properties = {
        "source": FolderSource(path=str(photos)).model_dump_json(),
        "features": Features().model_dump_json(),
    }
    by_driver = Driver(None).value({}, properties)
    examples = ingest(photos, fingerprint=by_driver)
    assert examples.get_string_custom_property("fingerprint") == by_driver


def test_the_executor_reads_once_what_its_driver_has_just_read(photos, ingest, monkeypatch):
    from components.folder_example_gen import component
    from components.folder_example_gen.contents import Driver

    properties = {
        "source": FolderSource(path=str(photos)).model_dump_json(),
        "features": Features().model_dump_json(),
    }
    by_driver = Driver(None).value({}, properties)
    with monkeypatch.context() as patched:
        patched.setattr(component.contents, "read", None)
        ingest(photos, fingerprint=by_driver)
    # A second time it is read again, as files may have come.
    put(photos / "cat" / "new", image_bytes(NUMBER))
    with pytest.raises(Failure, match="changed while it was read"):
        ingest(photos, fingerprint=by_driver)


def test_what_changes_after_the_driver_has_read_it_is_not_written(photos, ingest):
    from components.folder_example_gen.contents import Driver

    properties = {
        "source": FolderSource(path=str(photos)).model_dump_json(),
        "features": Features().model_dump_json(),
    }
    by_driver = Driver(None).value({}, properties)
    (photos / "cat" / "2").write_bytes(image_bytes(NUMBER))
    with pytest.raises(Failure, match="photos/cat/2 changed while it was read"):
        ingest(photos, fingerprint=by_driver)
