"""Segmentation through Transform's executor: masks beside images, and what can be wrong."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.transform.reading import read_mask_pixels
from failures import Failure
from tests.components.turned_variants import exif

ON_BEAM = ("--runner=FnApiRunner", "--direct_running_mode=multi_threading")
CLASSES = {"sky": 1, "tree": 2, "car": 3}


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
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
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
    """Of what `splits` is. Tests only read it."""
    return transform(module_workplace, splits_of(record))


def test_images_and_masks_have_one_size_and_their_classes_are_named(transformed, splits):
    for split, records in splits.items():
        found = pairs(transformed, split)
        assert len(found) == len(records)
        for image, mask in found:
            assert (len(image), len(mask)) == (8 * 9 * 3, 8 * 9)
            assert set(mask) <= {0, 1, 2, 255}
    assert transformed.labels == ["sky", "tree", "car"]
    assert "images and masks" in transformed.property("summary")


def test_pixels_are_counted_by_class_over_train(transformed):
    counted = read_mask_pixels(Path(transformed.graph.uri))
    ids = np.concatenate([np.frombuffer(m, np.uint8) for _, m in pairs(transformed, "train")])
    assert counted.of_class == {
        name: int((ids == number).sum()) for number, name in enumerate(CLASSES)
    }
    assert counted.of_no_class == int((ids == 255).sum())


@pytest.mark.slow
@pytest.mark.parametrize("aspect", ["crop", "pad"])
def test_the_graph_gives_the_same_in_serving_and_images_without_masks(workplace, splits, aspect):
    transformed = transform(workplace, splits, aspect=aspect)
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
    there = transform(workplace, splits, to="beam", beam_pipeline_args=ON_BEAM)
    for split in splits:
        assert pairs(there, split) == pairs(here, split)
    assert there.labels == here.labels
    for name in ("mask_statistics.json", "pixel_statistics.json"):
        one, other = (Path(t.graph.uri, name).read_text() for t in (here, there))
        assert one == other


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [b"no picture", b""])
def test_a_corrupt_mask_is_a_corrupt_image(workplace, splits, make, damaged):
    splits["test"][3] = raw_example(make.encode(make.picture()), damaged)
    with pytest.raises(Failure, match=r"record 1 of data_tfrecord-00001.*its mask: .*"):
        transform(workplace, splits)
    kept = transform(workplace, splits, to="kept", on_corrupt_image="drop", max_dropped=1)
    assert len(pairs(kept, "test")) == 4
    assert kept.property("dropped") == {"train": 0, "test": 1}


@pytest.mark.slow
def test_masks_of_16_bits_have_the_classes_of_8(workplace, splits, record):
    def shown(mask_type, to):
        train = [record(seed, values(seed, 9, 9).astype(mask_type)) for seed in range(3)]
        return pairs(transform(workplace, {"train": train}, to=to, aspect="crop"), "train")

    assert shown(np.uint16, "deep") == shown(np.uint8, "plain")


@pytest.mark.slow
def test_a_value_that_no_class_id_can_have_makes_a_corrupt_mask(workplace, splits, record):
    splits["test"][3] = record(3, np.full((13, 15), 300, np.uint16))
    with pytest.raises(Failure, match=r"record 1 of data_tfrecord-00001.*mask: The mask holds 300"):
        transform(workplace, splits)
    kept = transform(workplace, splits, to="kept", on_corrupt_image="drop", max_dropped=1)
    assert len(pairs(kept, "test")) == 4


def test_a_mask_of_other_proportions_is_told_with_file_and_record(workplace, splits, make):
    image, mask = make.encode(make.picture(20, 30)), make.encode(values(0, 30, 20))
    splits["train"][4] = raw_example(image, mask)
    with pytest.raises(
        Failure, match=r"record 2 of data_tfrecord-00000.*mask of 30x20 pixels .* image of 20x30"
    ):
        transform(workplace, splits)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mode"), [("GIF", None), ("BMP", None), ("JPEG", "CMYK")])
def test_proportions_are_compared_of_images_that_only_decode_to_colour(workplace, make, kind, mode):
    image = make.encode(make.picture(20, 20), kind, mode)
    train = [raw_example(image, make.encode(values(0, 20, 40)))] * 2
    with pytest.raises(Failure, match="mask of 20x40 pixels and an image of 20x20"):
        transform(workplace, {"train": train})


def test_masks_cover_the_picture_as_its_exif_orientation_turns_it(workplace, make):
    image = make.encode(make.picture(20, 40), "JPEG", exif=exif(6, ">"))
    transform(workplace, {"train": [raw_example(image, make.encode(values(0, 40, 20)))] * 2})


def test_an_example_without_a_mask_is_told_with_file_and_record(workplace, splits, make):
    splits["train"][1] = raw_example(make.encode(make.picture()), None)
    with pytest.raises(Failure, match=r"record 0 of data_tfrecord-00001.* has 0 masks"):
        transform(workplace, splits)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ({"sky": 77, "tree": 78}, "no pixel of any class.* values are: 0, 1, 2, 3"),
        ({"sky": 1, "tree": 78}, "only pixels of class 'sky'"),
    ],
)
def test_classes_that_the_masks_do_not_hold_are_told_with_what_they_hold(
    workplace, record, classes, told
):
    splits = {"train": [record(seed) for seed in range(4)]}
    with pytest.raises(Failure, match=told):
        transform(workplace, splits, mask_classes=classes)


COLOURED = {"sky": "#0080ff", "tree": "#008000", "car": "#ff0000"}


def in_colours(mask: np.ndarray) -> np.ndarray:
    """(height, width) pixel values 0..3 to (height, width, 3); 0 is black and of no class."""
    colours = [(0, 0, 0), *(tuple(bytes.fromhex(one[1:])) for one in COLOURED.values())]
    return np.array(colours, np.uint8)[mask]


def test_classes_told_by_colours_make_the_masks_that_values_make(workplace, record):
    splits = {"train": [record(seed) for seed in range(4)]}
    masks = [in_colours(values(seed, 10 + seed % 7, 12 + seed % 5)) for seed in range(4)]
    by_value = transform(workplace, splits)
    splits = {"train": [record(seed, mask) for seed, mask in enumerate(masks)]}
    by_colour = transform(workplace, splits, to="coloured", mask_classes=COLOURED)
    assert pairs(by_colour, "train") == pairs(by_value, "train")
    with pytest.raises(Failure, match=r"values are: #000000, #008000"):
        transform(workplace, splits, to="other", mask_classes={"sky": "#123456", "tree": "#654321"})
    with pytest.raises(Failure, match="in colour: give each class a colour"):
        transform(workplace, splits, to="values")


def test_a_class_without_a_pixel_is_named_in_the_summary(workplace, record):
    classes = CLASSES | {"boat": 99}
    transformed = transform(
        workplace, {"train": [record(seed) for seed in range(4)]}, mask_classes=classes
    )
    assert "train has no pixel of boat" in transformed.property("summary")


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
