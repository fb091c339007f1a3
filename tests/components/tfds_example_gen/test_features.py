"""Features of unusual kinds: nested labels and lists of them keep their names, images of floats are
refused."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from components.examples.reading import read_class_names
from failures import Failure


class NestedScans(tfds.core.GeneratorBasedBuilder):
    """Labels within other features, and the same picture as bytes and as floats."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(4, 4, 1)),
                    "depth": tfds.features.Image(shape=(4, 4, 1), dtype=np.float32),
                    "meta": {"label": tfds.features.ClassLabel(names=["cat", "dog"])},
                    "tags": tfds.features.Sequence(tfds.features.ClassLabel(names=["a", "b"])),
                    "objects": tfds.features.Sequence(
                        {"label": tfds.features.ClassLabel(names=["car", "bus"])}
                    ),
                }
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        del dl_manager
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self):
        for number in range(4):
            pixels = np.full((4, 4, 1), number, np.uint8)
            yield (
                number,
                {
                    "image": pixels,
                    "depth": pixels.astype(np.float32),
                    "meta": {"label": number % 2},
                    "tags": [0, 1][:number],
                    "objects": {"label": [1]},
                },
            )


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("scans"))
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    NestedScans(data_dir=folder).download_and_prepare(download_config=config)
    return folder


def test_the_classes_of_nested_labels_keep_their_names(ingest, scans):
    examples = ingest("nested_scans", scans)

    assert read_class_names(examples.uri) == {
        "meta/label": ["cat", "dog"],
        "tags": ["a", "b"],
        "objects/label": ["car", "bus"],
    }


def test_an_image_of_floats_is_refused_and_not_read_as_its_bit_pattern(ingest, scans):
    with pytest.raises(Failure) as failure:
        ingest("nested_scans", scans, image="depth")
    assert "Feature 'depth' of dataset nested_scans/1.0.0 is an Image of float32" in str(
        failure.value
    )
