"""Which images count as corrupt, and what the policy makes of them."""

import struct
import zlib

import pytest

from components.transform.corrupt_images import CorruptImage, enforce_policy, reasons, split_corrupt
from failures import Failure
from settings.preprocessing import Preprocessing
from tests.components.pictures import png_of_a_damaged_text


def png_of_claimed_size(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "empty"),
        ("text", "This is not a JPEG, PNG, GIF, BMP or WebP"),
        ("truncated JPEG", "This is a JPEG that is cut off"),
        ("truncated PNG", "This is a PNG that is cut off"),
        ("PNG of no size", "PNG"),
        ("PNG of 600 megapixels", "too large"),
        ("TIFF", "This is a TIFF, which is not read. Save it as a PNG"),
        ("absent", "0 images instead of one"),
        ("no example", "not a tf.train.Example"),
    ],
)
def test_what_does_not_decode_is_told_with_its_reason(make, name, reason):
    jpeg, png = make.encode(make.picture(), "JPEG"), make.encode(make.picture())
    records = {
        "empty": make.example(b""),
        "text": make.example(b"this is not a picture"),
        "truncated JPEG": make.example(jpeg[:-40]),
        "truncated PNG": make.example(png[:-40]),
        "PNG of no size": make.example(png_of_claimed_size(0, 0)),
        "PNG of 600 megapixels": make.example(png_of_claimed_size(30_000, 20_000)),
        "TIFF": make.example(make.encode(make.picture(), "TIFF")),
        "absent": make.example(None),
        "no example": b"\xff\xff",
    }
    good, corrupt = split_corrupt([make.example(png), records[name], make.example(jpeg)], "image")
    assert good == [0, 2]
    ((position, why),) = corrupt
    assert position == 1
    assert reason in why
    assert "node" not in why
    assert "\n" not in why


@pytest.mark.parametrize("turned", [False, True])
def test_damaged_exif_is_damage_only_where_images_are_turned_by_it(make, turned):
    records = [make.example(png_of_a_damaged_text((9, 9), colour=2)), make.example(b"no picture")]
    _, corrupt = split_corrupt(records, "image", exif_orientation=turned)
    assert [position for position, _ in corrupt] == ([0, 1] if turned else [1])


def test_reasons_are_counted_by_kind():
    refused = "This is a BMP with 1, 4 or 16 bits a pixel, which is not read. Save it as a PNG"
    given = ["This is a damaged PNG", refused, "This is a damaged PNG", "no JPEG"]
    corrupt = [CorruptImage("train", "data", 0, reason) for reason in given]
    expected = "2 a damaged PNG, 1 a BMP with 1, 4 or 16 bits a pixel, 1 no JPEG"
    assert reasons(corrupt) == expected
    others = [CorruptImage("train", "data", 0, f"kind {letter}") for letter in "abcdefgh"]
    assert reasons(corrupt + others).endswith(", 3 of other kinds")


def found(split: str, count: int) -> list[CorruptImage]:
    return [CorruptImage(split, "data-00000-of-00001", 7 + i, "no JPEG") for i in range(count)]


def test_no_corrupt_image_is_fine_under_every_policy():
    for policy in ("fail", "drop"):
        enforce_policy("Transform", [], handled(policy, 0))


def test_fail_names_the_first_image_and_the_way_out():
    with pytest.raises(Failure) as raised:
        enforce_policy("Evaluator", found("test", 2), handled("fail", 100))
    message = str(raised.value)
    for part in ("Evaluator", "record 7", "data-00000-of-00001", "'test'", "no JPEG", "drop"):
        assert part in message
    assert "\n" not in message


def test_each_split_may_lose_max_dropped_images():
    enforce_policy("Transform", found("train", 3) + found("test", 3), handled("drop", 3))
    with pytest.raises(Failure, match=r"4 corrupt images in split 'test', and max_dropped is 3"):
        enforce_policy("Transform", found("train", 3) + found("test", 4), handled("drop", 3))


def handled(policy: str, max_dropped: int) -> Preprocessing:
    return Preprocessing(height=8, width=8, on_corrupt_image=policy, max_dropped=max_dropped)
