"""The listing of a bucket stands for its content: another one wherever that could differ."""

import pytest

from components.spans.listing import listing_of
from settings.manifest_source import ManifestSource
from settings.sources import FolderSource

pytestmark = pytest.mark.parametrize("bucket", ["s3", "gs"], indirect=True)


def test_the_listing_changes_with_each_object_and_with_nothing_else(bucket):
    bucket.put("photos/cat/1", b"one")
    bucket.put("photos/dog/2", b"two")
    bucket.put("photographs/dog/2", b"two")
    source = FolderSource(path=f"{bucket.address}/photos")
    first = listing_of(source)

    bucket.put("photos/cat/1", b"one")
    bucket.put("photographs/dog/2", b"other")
    assert listing_of(source) == first
    bucket.put("photos/cat/1", b"One")
    changed = listing_of(source)
    bucket.put("photos/cat/3", b"three")
    assert len({first, changed, listing_of(source)}) == 3


def test_the_listing_of_a_window_is_that_of_its_spans(bucket):
    for span in (1, 2, 3):
        bucket.put(f"incoming/{span}/cat/1", b"one")
    pattern = f"{bucket.address}/incoming/{{SPAN}}"
    latest = FolderSource(path=pattern, window={"last": 2})
    first = listing_of(latest)

    bucket.put("incoming/1/cat/2", b"two")
    assert listing_of(latest) == first
    bucket.put("incoming/4/cat/1", b"one")
    assert listing_of(latest) != first


def test_a_manifest_and_its_images_both_count(bucket, tmp_path):
    bucket.put("tables/labels.csv", b"path,label")
    bucket.put("photos/1", b"one")
    keys = {"path": f"{bucket.address}/tables/labels.csv"}
    source = ManifestSource(**keys, root="../photos")
    first = listing_of(source)

    bucket.put("photos/1", b"two")
    second = listing_of(source)
    bucket.put("tables/labels.csv", b"path,class")
    assert len({first, second, listing_of(source)}) == 3
    assert listing_of(ManifestSource(**keys, root=str(tmp_path))) == ""
