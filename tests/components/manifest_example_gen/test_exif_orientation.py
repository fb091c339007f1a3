"""Photographs of all EXIF orientations, from a manifest through every door to a model."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.components.manifest_example_gen.conftest import write
from tests.components.pictures import EXACT, encode, picture
from tests.components.source_images import pairs_of, put
from tests.components.test_image_doors import SIZE, Doors
from tests.components.turned_variants import exif


def photograph(orientation: int) -> bytes:
    """A picture that is of SIZE once it is turned, with another content for each orientation."""
    size = SIZE if orientation < 5 else SIZE[::-1]
    pixels = picture(size, seed=orientation)
    return encode(pixels, "WEBP", lossless=True, exif=exif(orientation, ">"))


@pytest.mark.slow
def test_all_orientations_equal_pillows_in_training_serving_and_predict(tmp_path, ingest):
    rows = []
    for orientation in range(1, 9):
        put(tmp_path / "photos" / f"{orientation}.webp", photograph(orientation))
        for split in ("train", "test"):
            label = ("even", "odd")[orientation % 2]
            rows.append({"path": f"{orientation}.webp", "label": label, "split": split})
    examples = ingest(write(tmp_path / "photos" / "labels.csv", rows))
    images = sorted({image for image, _ in pairs_of(examples)["train"]})
    assert len(images) == 8

    doors = Doors(tmp_path, images, 3)
    for found in (doors.transformed, doors.fed(), doors.served, doors.predicted):
        for number, image in enumerate(images):
            expected = ImageOps.exif_transpose(Image.open(io.BytesIO(image)))
            np.testing.assert_allclose(found[number], np.asarray(expected), atol=EXACT)
