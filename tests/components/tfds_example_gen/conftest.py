"""Small TFDS datasets, prepared once, and the executor behind one call."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tfx import types
from tfx.types import standard_artifacts

from components.tfds_example_gen.component import TfdsExampleGen_Executor
from settings.data import Features
from settings.sources import TfdsSource
from tests import tensorflow_records

OFFLINE = tfds.download.DownloadConfig(try_download_gcs=False)


class SceneryPhotos(tfds.core.GeneratorBasedBuilder):
    """Nested and ragged features, two configs, two versions; 90 examples."""

    VERSION = tfds.core.Version("2.0.0")
    SUPPORTED_VERSIONS = [tfds.core.Version("1.0.0")]
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="small", description="Small pictures."),
        tfds.core.BuilderConfig(name="large", description="Large pictures."),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "kind": tfds.features.ClassLabel(names=["cat", "dog"]),
                    "count": np.int64,
                    "objects": tfds.features.Sequence(
                        {
                            "box": tfds.features.BBoxFeature(),
                            "parts": tfds.features.Sequence(tfds.features.Text()),
                        }
                    ),
                }
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        del dl_manager
        return {"train": self._generate_examples(70), "test": self._generate_examples(20)}

    def _generate_examples(self, number: int):
        side = 4 if self.builder_config.name == "small" else 40
        for index in range(number):
            yield (
                index,
                {
                    "image": np.full((side + index % 3, side, 3), index, np.uint8),
                    "kind": index % 2,
                    "count": index,
                    "objects": [
                        {"box": tfds.features.BBox(0.0, 0.0, 0.5, 1.0), "parts": ["leaf"] * part}
                        for part in range(index % 4)
                    ],
                },
            )


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A TFDS data_dir that has `scenery_photos/small`, its train split in six files."""
    folder = str(tmp_path_factory.mktemp("tfds"))
    builder = SceneryPhotos(data_dir=folder, config="small")
    config = tfds.download.DownloadConfig(try_download_gcs=False, num_shards=6)
    builder.download_and_prepare(download_config=config)
    return folder


@pytest.fixture(scope="session")
def digits_dir(prepared_digits: pathlib.Path) -> str:
    """A TFDS data_dir that has the embedded digits."""
    return str(prepared_digits)


@pytest.fixture
def ingest(tmp_path: pathlib.Path) -> Callable[..., types.Artifact]:
    """Runs the executor: `ingest(dataset, data_dir, **splits)` returns the artifact."""

    def run(
        dataset: str,
        data_dir: str | None,
        download: bool = False,
        beam_pipeline_args: tuple[str, ...] = (),
        image: str = "image",
        label: str = "label",
        exclude_labels: tuple[str, ...] = (),
        **splits: str,
    ) -> types.Artifact:
        source = TfdsSource.of(
            dataset=dataset,
            data_dir=data_dir,
            download=download,
            exclude_labels=list(exclude_labels),
            splits={"train": "train", "test": "test"} | splits,
        )
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        outputs = {"examples": [examples]}
        context = TfdsExampleGen_Executor.Context(beam_pipeline_args=list(beam_pipeline_args))
        TfdsExampleGen_Executor(context).Do(
            {},
            outputs,
            {
                "source": source.model_dump_json(),
                "features": Features(image_feature=image, label_feature=label).model_dump_json(),
                "span": 3,
            },
        )
        return outputs["examples"][0]

    return run


@pytest.fixture
def read() -> Callable[[types.Artifact, str], list[bytes]]:
    """Reads a split's serialized examples in the order of its shards."""

    def records(examples: types.Artifact, role: str) -> list[bytes]:
        shards = pathlib.Path(examples.uri, f"Split-{role}").iterdir()
        return tensorflow_records.records(*sorted(shards))

    return records
