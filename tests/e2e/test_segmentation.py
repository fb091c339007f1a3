"""Segmentation from the data to a pushed model that serves: the embedded scenes, and pets."""

import io
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from benchmarks.kills import COMPONENTS
from tests.e2e.test_bad_inputs import check_failed

SCENES = "configs/digit_scenes.yaml"
PETS = "configs/oxford_iiit_pet.yaml"


@pytest.fixture
def scenes(pipeline, prepared):
    def run(*overrides):
        few = ("data.splits.train='train[:120]'", "data.splits.test='test[:40]'")
        return pipeline(
            f"data.data_dir={prepared('digit_scenes')}", *few, *overrides, config=SCENES
        )

    return run


@pytest.mark.slow
def test_scenes_are_segmented_blessed_pushed_and_served(scenes, tmp_path):
    small = "model.parameters={filters: [8]}"
    run = scenes(small, "training.epochs=3", "evaluation.thresholds.mean_iou.min=0.2")
    assert run.code == 0, run.said
    assert re.findall(r"│ (\w+) +│ ran ", run.out) == list(COMPONENTS)
    assert "mean IoU" in run.out
    assert "serves:" in run.out

    from datasets.digit_scenes import material, png, scene

    image, mask = scene(*material("test"), (9, 0))
    model = tf.saved_model.load(str(tmp_path / "pushed" / "1"))
    answer = model.signatures["serving_default"](image=tf.constant([png(image)]))
    assert np.mean(answer["mask"][0] == mask) > 0.6
    assert answer["probabilities"].shape == (1, 64, 64, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "component", "expected"),
    [
        (["data.mask_feature=masks"], "SchemaGen", ["'masks'", "mask_feature"]),
        (
            ["data.mask_classes={cat: 100, dog: 101}"],
            "Transform",
            ["no pixel of any class", "0, 1", "mask_classes"],
        ),
    ],
)
def test_masks_that_do_not_fit_the_data_are_reported_in_one_line(
    scenes, overrides, component, expected
):
    check_failed(scenes(*overrides), component, *expected)


@pytest.fixture(scope="module")
def pets_dir(tmp_path_factory):
    """A TFDS folder with oxford_iiit_pet as TFDS's own code makes it, of generated pictures."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import registered
    from tensorflow_datasets.datasets.oxford_iiit_pet import (
        oxford_iiit_pet_dataset_builder as original,
    )

    source = tmp_path_factory.mktemp("pets_source")
    write_pets(source, {"train": 16, "test": 8})

    with registered.skip_registration():

        class GeneratedPets(original.Builder):
            name = "oxford_iiit_pet"

            def _split_generators(self, dl_manager):
                return {
                    split: self._generate_examples(source, source, source / f"{split}.txt")
                    for split in ("train", "test")
                }

    folder = tmp_path_factory.mktemp("pets")
    offline = tfds.download.DownloadConfig(try_download_gcs=False)
    GeneratedPets(data_dir=folder).download_and_prepare(download_config=offline)
    return folder


def write_pets(folder, counts):
    """Pictures, trimaps and lists of them, laid out as the dataset's archives are."""
    (folder / "trimaps").mkdir()
    random = np.random.default_rng(0)
    for split, count in counts.items():
        names = [f"{split}_pet_{number}" for number in range(count)]
        for name in names:
            height, width = random.integers(90, 200, 2)
            rows, columns = np.ogrid[:height, :width]
            far = np.hypot((rows - height / 2) / height, (columns - width / 2) / width)
            trimap = np.select([far < 0.25, far < 0.3], [1, 3], 2).astype(np.uint8)
            pixels = random.integers(0, 90, (height, width, 3)) + (trimap == 1)[..., None] * 150
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}.jpg")
            Image.fromarray(trimap).save(folder / "trimaps" / f"{name}.png")
        lines = [
            f"{name} {1 + number % 37} {1 + number % 2} 1" for number, name in enumerate(names)
        ]
        (folder / f"{split}.txt").write_text("\n".join(lines))


@pytest.mark.slow
def test_the_configuration_of_pets_runs_on_the_datasets_own_features(pipeline, pets_dir, tmp_path):
    run = pipeline(
        f"data.data_dir={pets_dir}",
        "data.download=false",
        "model.parameters={filters: [4, 8]}",
        "training.batch_size=4",
        "training.epochs=1",
        "evaluation.thresholds.mean_iou.min=0.1",
        "serving.check=false",
        config=PETS,
    )
    assert run.code == 0, run.said
    assert re.findall(r"│ (\w+) +│ ran ", run.out) == [
        name for name in COMPONENTS if name != "ServingCheck"
    ]
    assert "128x128x3, 3 classes" in run.out
    model = tf.saved_model.load(str(tmp_path / "pushed" / "1"))
    file = io.BytesIO()
    Image.fromarray(np.zeros((300, 200, 3), np.uint8)).save(file, "JPEG")
    answer = model.signatures["serving_default"](image=tf.constant([file.getvalue()]))
    assert answer["mask"].shape == (1, 128, 128)
