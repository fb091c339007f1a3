"""A folder of thousands of files is read in several processes, with the same result."""

from pathlib import Path

import pytest

from tests.components.source_images import CLASSES, put

MANY = 9000


@pytest.fixture(scope="module")
def many_photos(tmp_path_factory, many_images) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(MANY):
        # Behind a PNG's end anything may follow, which makes it another file.
        content = many_images[number % len(many_images)] + str(number).encode()
        put(folder / CLASSES[number % 2] / f"{number}.png", content)
    put(folder / CLASSES[0] / "half.png", many_images[0][:-20])
    put(folder / CLASSES[0] / ".hidden", b"")
    return folder


def content(examples):
    return {file.name: file.read_bytes() for file in Path(examples.uri).rglob("data_*")}


@pytest.mark.slow
def test_several_processes_write_the_same_shards_and_report_the_same(
    many_photos, ingest, cores, started_works
):
    cores(1)
    alone = ingest(many_photos)
    assert not started_works
    expected, remarks = content(alone), alone.get_string_custom_property("summary")
    assert f"{MANY:,} examples" in remarks
    cores(2)
    together = ingest(many_photos)
    assert len(started_works) == 4  # two that read, two that write
    assert content(together) == expected
    assert together.get_string_custom_property("summary") == remarks
