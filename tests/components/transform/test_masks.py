"""Segmentation through Transform's executor: masks beside images, and what can be wrong."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.transform.reading import read_mask_pixels
from failures import Failure
from tests import tensorflow_records
from tests.components.pictures import png_of_a_damaged_text
from tests.components.turned_variants import exif

ON_BEAM = ("--runner=FnApiRunner", "--direct_running_mode=multi_threading")
CLASSES = {"sky": 1, "tree": 2, "car": 3}
PADDED = {"aspect": "pad", "mask_classes": CLASSES | {"boat": 99}}


def raw_example(image: bytes, mask: bytes | None) -> bytes:
    made = tf.train.Example()
    made.features.feature["image"].bytes_list.value.append(image)
    if mask is not None:
        made.features.feature["mask"].bytes_list.value.append(mask)
    return made.SerializeToString()


def values(seed: int, height: int, width: int, most: int = 3) -> np.ndarray:
    """(height, width) uint8, patches of pixel values 0..most."""
    patches = np.random.default_rng(seed).integers(0, most + 1, (height, width), np.uint8)
    return np.kron(patches, np.ones((4, 4), np.uint8))[:height, :width]


@pytest.fixture(scope="module")
def record(make):
    """A function of a seed: an example with an image and a mask of the same size."""

    def one(seed: int, mask: np.ndarray | None = None) -> bytes:
        height, width = 10 + seed % 7, 12 + seed % 5
        mask = values(seed, height, width) if mask is None else mask
        return raw_example(make.encode(make.picture(height, width, 3, seed)), make.encode(mask))

    return one


def transform(workplace, splits, to="out", beam_pipeline_args=(), **options):
    return workplace.run(
        workplace.raw(splits),
        schema=workplace.schema(image="BYTES", mask="BYTES"),
        to=to,
        beam_pipeline_args=beam_pipeline_args,
        **{"channels": 3, "mask_feature": "mask", "mask_classes": CLASSES} | options,
    )


def pairs(transformed, split: str) -> list[tuple[bytes, bytes]]:
    """(image, mask) of every example, in the order of files and records."""
    found = []
    for path in sorted(Path(transformed.examples.uri, f"Split-{split}").iterdir()):
        for record in tensorflow_records.records(path):
            features = tf.train.Example.FromString(record).features.feature
            assert set(features) == {"image", "mask"}
            found.append(tuple(features[name].bytes_list.value[0] for name in ("image", "mask")))
    return found


def splits_of(record) -> dict[str, list[bytes]]:
    return {
        "train": [record(seed) for seed in range(11)],
        "test": [record(seed) for seed in range(20, 25)],
    }


@pytest.fixture
def splits(record):
    return splits_of(record)


@pytest.fixture(scope="module")
def transformed(module_workplace, record):
    """Of what `splits` is, with a class that no mask holds. Tests only read it."""
    return transform(module_workplace, splits_of(record), **PADDED)


@pytest.mark.slow
def test_images_and_masks_have_one_size_and_their_classes_are_named(transformed, splits):
    for split, records in splits.items():
        found = pairs(transformed, split)
        assert len(found) == len(records)
        for image, mask in found:
            assert (len(image), len(mask)) == (8 * 9 * 3, 8 * 9)
            assert set(mask) <= {0, 1, 2, 255}
    assert transformed.labels == ["sky", "tree", "car", "boat"]
    assert "images and masks" in transformed.property("summary")


@pytest.mark.slow
def test_pixels_are_counted_by_class_over_train(transformed):
    counted = read_mask_pixels(Path(transformed.graph.uri))
    ids = np.concatenate([np.frombuffer(m, np.uint8) for _, m in pairs(transformed, "train")])
    assert counted.of_class == {
        name: int((ids == number).sum()) for number, name in enumerate(PADDED["mask_classes"])
    }
    assert counted.of_no_class == int((ids == 255).sum())


def test_a_class_without_a_pixel_is_named_in_the_summary(transformed):
    assert "train has no pixel of boat" in transformed.property("summary")


@pytest.mark.slow
def test_the_graph_gives_the_same_in_serving_and_images_without_masks(transformed, splits):
    layer = transformed.output.transform_features_layer()
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in ("image", "mask")}
    records = [one for i in range(2) for one in splits["test"][i::2]]
    parsed = tf.io.parse_example(tf.constant(records), spec)
    served = layer(parsed)
    both = list(zip(served["image"].numpy(), served["mask"].numpy(), strict=True))
    assert both == pairs(transformed, "test")
    alone = layer({"image": parsed["image"]})
    assert alone["image"].numpy().tolist() == served["image"].numpy().tolist()


@pytest.mark.slow
def test_on_beam_the_files_and_the_graph_are_the_same(workplace, splits, transformed):
    here = transformed
    there = transform(workplace, splits, beam_pipeline_args=ON_BEAM, **PADDED)
    for split in splits:
        assert pairs(there, split) == pairs(here, split)
    assert there.labels == here.labels
    for name in ("mask_statistics.json", "pixel_statistics.json"):
        one, other = (Path(t.graph.uri, name).read_text() for t in (here, there))
        assert one == other


TOO_LARGE = np.full((13, 15), 300, np.uint16)  # of seed 3's size


@pytest.mark.slow
def test_a_corrupt_mask_is_a_corrupt_image(workplace, splits, record):
    splits["test"][3] = record(3, TOO_LARGE)
    with pytest.raises(Failure, match=r"record 1 of data_tfrecord-00001.*mask: The mask holds 300"):
        transform(workplace, splits)


@pytest.mark.slow
def test_images_with_corrupt_masks_are_dropped(workplace, splits, record, make):
    # Each in a file of its own, so that none is only found while another one is looked for.
    image = make.encode(make.picture())
    splits["train"][2] = raw_example(image, b"no picture")
    splits["test"][2] = raw_example(image, b"")
    splits["test"][3] = record(3, TOO_LARGE)
    kept = transform(workplace, splits, on_corrupt_image="drop", max_dropped=2)
    assert (len(pairs(kept, "train")), len(pairs(kept, "test"))) == (10, 3)
    assert kept.property("dropped") == {"train": 1, "test": 2}


@pytest.mark.slow
def test_an_image_whose_text_with_exif_is_damaged_is_dropped(workplace, splits, make):
    image, mask = png_of_a_damaged_text((9, 9), colour=2), make.encode(values(0, 9, 9))
    splits["train"][2] = raw_example(image, mask)
    kept = transform(workplace, splits, on_corrupt_image="drop", max_dropped=1)
    assert kept.property("dropped") == {"train": 1, "test": 0}


@pytest.mark.slow
def test_masks_of_16_bits_have_the_classes_of_8(workplace, record):
    splits = {
        split: [record(seed, values(seed, 9, 9).astype(mask_type)) for seed in range(3)]
        for split, mask_type in {"train": np.uint16, "test": np.uint8}.items()
    }
    transformed = transform(workplace, splits, aspect="crop")
    assert pairs(transformed, "train") == pairs(transformed, "test")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PNG", "GIF"])  # A GIF decodes to colour alone.
def test_a_mask_of_other_proportions_is_told_with_file_and_record(workplace, splits, make, kind):
    image, mask = make.encode(make.picture(20, 30), kind), make.encode(values(0, 30, 20))
    splits["train"][4] = raw_example(image, mask)
    with pytest.raises(
        Failure, match=r"record 2 of data_tfrecord-00000.*mask of 30x20 pixels .* image of 20x30"
    ):
        transform(workplace, splits)


@pytest.mark.slow
def test_masks_cover_pictures_of_every_kind_as_their_exif_orientation_turns_them(workplace, make):
    upright = make.picture(40, 20)
    images = [
        make.encode(make.picture(20, 40), "JPEG", exif=exif(6, ">")),
        *(make.encode(upright, kind) for kind in ("GIF", "BMP", "WEBP")),
        make.encode(upright, "JPEG", "CMYK"),
    ]
    mask = make.encode(values(0, 40, 20))
    transformed = transform(workplace, {"train": [raw_example(image, mask) for image in images]})
    assert len({mask for _, mask in pairs(transformed, "train")}) == 1


@pytest.mark.slow
def test_an_example_without_a_mask_is_told_with_file_and_record(workplace, splits, make):
    splits["train"][1] = raw_example(make.encode(make.picture()), None)
    with pytest.raises(Failure, match=r"record 0 of data_tfrecord-00001.* has 0 masks"):
        transform(workplace, splits)


@pytest.mark.slow
def test_classes_that_the_masks_do_not_hold_are_told_with_what_they_hold(workplace, record):
    splits = {"train": [record(seed) for seed in range(4)]}
    with pytest.raises(Failure, match=r"no pixel of any class.* values are: 0, 1, 2, 3"):
        transform(workplace, splits, mask_classes={"sky": 77, "tree": 78})


COLOURED = {"sky": "#0080ff", "tree": "#008000", "car": "#ff0000"}


def in_colours(mask: np.ndarray) -> np.ndarray:
    """(height, width) pixel values 0..3 to (height, width, 3); 0 is black and of no class."""
    colours = [(0, 0, 0), *(tuple(bytes.fromhex(one[1:])) for one in COLOURED.values())]
    return np.array(colours, np.uint8)[mask]


def splits_in_colours(record) -> dict[str, list[bytes]]:
    """The training images of `splits`, with the same masks in colours."""
    masks = [in_colours(values(seed, 10 + seed % 7, 12 + seed % 5)) for seed in range(11)]
    return {"train": [record(seed, mask) for seed, mask in enumerate(masks)]}


@pytest.mark.slow
def test_classes_told_by_colours_make_the_masks_that_values_make(workplace, record, transformed):
    coloured = PADDED | {"mask_classes": COLOURED}
    by_colour = transform(workplace, splits_in_colours(record), **coloured)
    assert pairs(by_colour, "train") == pairs(transformed, "train")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (
            {"sky": COLOURED["sky"], "tree": "#654321"},
            "only pixels of class 'sky'.* values are: #000000, #008000",
        ),
        (CLASSES, "in colour: give each class a colour"),
    ],
)
def test_colours_that_no_class_has_are_told(workplace, record, classes, told):
    with pytest.raises(Failure, match=told):
        transform(workplace, splits_in_colours(record), mask_classes=classes)


def test_a_mask_feature_that_is_missing_or_holds_numbers_is_told(workplace, splits):
    for types, told in (
        ({"image": "BYTES"}, "no feature 'mask' for mask_feature"),
        ({"image": "BYTES", "mask": "INT"}, "'mask' holds numbers, not encoded masks"),
    ):
        with pytest.raises(Failure, match=told):
            workplace.run(
                workplace.raw(splits),
                schema=workplace.schema(**types),
                to=f"out{len(types)}",
                mask_feature="mask",
                mask_classes=CLASSES,
            )
