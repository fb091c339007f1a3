"""Files are known by their content, whole ones and those that were cut off."""

import io

import pytest
from PIL import Image

from components.image_files import HEAD, is_whole, kind_named, kind_of, other_kind
from tests.components.picture_variants import variants
from tests.components.pictures import encode, picture

SIZE = (20, 28)


@pytest.mark.slow
def test_every_way_to_write_a_picture_is_whole():
    for variant, content, _ in variants(SIZE):
        kind = kind_of(content[:HEAD])
        assert kind.lower() in ("jpeg", "png", "gif", "bmp", "webp"), variant
        assert is_whole(content, kind), variant


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_no_picture_that_was_cut_off_is_whole(share):
    for variant, content, _ in variants(SIZE):
        kind = kind_of(content[:HEAD])
        # Behind a GIF's first picture may be more.
        if kind != "GIF" and "behind the end" not in variant:
            assert not is_whole(content[: int(share * len(content))], kind), variant


def test_a_gif_is_whole_with_its_first_picture():
    file = io.BytesIO()
    frames = [picture((20, 28), seed=seed).convert("P") for seed in range(2)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    both, first = file.getvalue(), encode(frames[0], "GIF")

    assert is_whole(both, "GIF")
    assert is_whole(both[:-10], "GIF")
    assert not is_whole(first[: len(first) // 2], "GIF")


def test_a_thumbnails_end_does_not_make_a_photograph_whole():
    exif = Image.Exif()
    exif[0x010E] = encode(picture((8, 8)), "JPEG").decode("latin-1")
    photograph = encode(picture((40, 40)), "JPEG", exif=exif)

    assert is_whole(photograph, "JPEG")
    assert not is_whole(photograph[:-20], "JPEG")


def test_a_photograph_with_bytes_between_its_parts_is_whole():
    photograph = encode(picture((40, 40)), "JPEG")
    padded = photograph[:2] + photograph[2:20] + b"\0\0\xff\x00\xff" + photograph[20:]

    assert is_whole(padded, "JPEG")
    assert not is_whole(padded[:-20], "JPEG")


def test_what_stands_behind_a_picture_does_not_matter():
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WebP"):
        assert is_whole(encode(picture((8, 8)), kind) + b"\0" * 9, kind), kind


@pytest.mark.parametrize("content", [b"", b"RIFF1234WAVE", b"%PDF-1.7", b"\x00\x01"])
def test_other_content_is_no_image(content):
    assert kind_of(content) == ""


OTHERS = {
    "TIFF": "a TIFF",
    "JPEG2000": "a JPEG 2000",
    "AVIF": "an AVIF",
    "ICO": "a Windows icon",
    "PPM": "a PNM",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_images_of_formats_that_are_not_read_are_known(kind):
    head = encode(picture((16, 16)), kind)[:HEAD]
    assert (kind_of(head), other_kind(head)) == ("", OTHERS[kind])


def test_no_image_that_is_read_counts_as_one_that_is_not():
    assert not [name for name, content, _ in variants(SIZE) if other_kind(content[:HEAD])]


def test_a_suffix_promises_a_kind_in_any_case():
    assert kind_named("IMG_1.JPG") == kind_named("a.jfif") == "JPEG"
    assert kind_named("notes.txt") == kind_named("jpg") == ""
