"""Images that two splits share once they are decoded, whatever files they were."""

import numpy as np
import pytest

from components.transform.pixel_overlap import digests
from failures import Failure
from tests.components.transform.conftest import encode, example, picture


def records(numbers, image_format="PNG", first=0):
    return [
        example(encode(picture(seed=number), image_format), (first + place) % 2)
        for place, number in enumerate(numbers)
    ]


def summary(done) -> str:
    return done.examples.get_string_custom_property("summary")


@pytest.mark.slow
def test_splits_that_share_nothing_are_not_spoken_of(workplace):
    splits = {"train": records([0, 1, 2, 2]), "test": records([3, 4])}
    assert summary(workplace.run(workplace.raw(splits), max_overlap=0.0)).endswith("2 classes")


@pytest.mark.slow
@pytest.mark.parametrize("beam_pipeline_args", [(), ("--direct_running_mode=multi_threading",)])
def test_another_encoding_of_an_image_counts_as_the_same(workplace, beam_pipeline_args):
    splits = {
        "train": records(range(8)),
        "validation": records([20, 21, 22, 23], "BMP"),
        "test": records([24, 3, 5, 25, 3], "BMP"),
    }
    done = workplace.run(workplace.raw(splits), beam_pipeline_args=beam_pipeline_args)
    assert summary(done).endswith("; warning: train and test share the pixels of 2 images")


@pytest.mark.slow
def test_more_than_allowed_stop_the_run_and_one_is_named(workplace):
    raw = workplace.raw({"train": records(range(8)), "test": records([24, 3, 26, 25], "BMP")})
    workplace.run(raw, to="allowed", max_overlap=0.25)
    with pytest.raises(Failure) as refused:
        workplace.run(raw, to="refused", max_overlap=0.2)
    assert str(refused.value) == (
        "Transform: train and test share the pixels of 1 image, such as record 1 of train's "
        "data_tfrecord-00001-of-00002 and record 0 of test's data_tfrecord-00001-of-00002, 25.00% "
        "of test; 20.00% allowed. Remove the copies, choose splits that do not overlap, or raise "
        "validation.max_overlap."
    )


@pytest.mark.slow
def test_images_that_differ_in_either_half_are_different(workplace):
    def black(*places):
        pixels = picture(8, 9, 1) * 0
        for place in places:
            pixels[place] = 255
        return example(encode(pixels), 0)

    splits = {
        "train": [black((0, 0)), black((7, 8)), example(encode(picture(8, 9, 1)), 1)],
        "test": [black(), black((0, 0), (7, 8)), black((0, 1))],
    }
    workplace.run(workplace.raw(splits), max_overlap=0.0)


@pytest.mark.parametrize("polynomial", [0x82F63B78, 0xEDB88320])  # of CRC32C, of CRC32
def test_images_that_share_a_half_are_told_apart_where_one_checksum_cannot(polynomial):
    white = np.full((1, 72), 255, np.uint8)
    other = white.copy()
    # A checksum overlooks multiples of its polynomial.
    other[0, 60:65] ^= np.frombuffer((polynomial << 1 | 1).to_bytes(5, "little"), np.uint8)
    assert digests(other) != digests(white)
