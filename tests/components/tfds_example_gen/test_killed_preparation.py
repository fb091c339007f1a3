"""A killed preparation leaves a folder as large as the dataset, for no longer than the next try."""

import os
import pathlib
import time

import pytest
import tensorflow_datasets as tfds

from components.tfds_example_gen import dataset
from tests import processes
from tests.components.tfds_example_gen.conftest import OFFLINE

STUCK = "STUCK_AT"  # in the environment: the file that tells that nothing goes on


class NeverReady(tfds.core.GeneratorBasedBuilder):
    """A dataset of one example, or of none for whoever waits for it."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict({"label": tfds.features.ClassLabel(num_classes=2)})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        if STUCK in os.environ:
            time.sleep(1)
            pathlib.Path(os.environ[STUCK]).touch()
            time.sleep(60)
        yield 0, {"label": 0}


def load(data_dir: pathlib.Path) -> tfds.core.DatasetBuilder:
    return dataset.load("never_ready", str(data_dir), download=True)


def incomplete(data_dir: pathlib.Path) -> set[str]:
    return {folder.name for folder in data_dir.glob("never_ready/incomplete.*")}


@pytest.fixture
def data_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where one process was just killed, and another one may still be preparing the same."""
    data_dir, stuck = tmp_path / "data", tmp_path / "stuck"
    (data_dir / "never_ready" / "incomplete.A1B2C3_1.0.0").mkdir(parents=True)
    environment = {**os.environ, STUCK: str(stuck)}
    process = processes.start(load, data_dir, log=tmp_path / "log", environment=environment)
    processes.wait_for(stuck.exists, processes=[process])
    process.kill()
    process.wait()
    assert len(incomplete(data_dir)) == 2
    return data_dir


@pytest.mark.slow
def test_what_a_killed_process_has_prepared_goes_at_the_next_try(data_dir):
    assert load(data_dir)
    assert incomplete(data_dir) == {"incomplete.A1B2C3_1.0.0"}


@pytest.mark.slow
def test_what_a_killed_process_has_prepared_goes_though_somebody_else_prepared_it(data_dir):
    tfds.builder("never_ready", data_dir=data_dir).download_and_prepare(download_config=OFFLINE)
    assert load(data_dir)
    assert incomplete(data_dir) == {"incomplete.A1B2C3_1.0.0"}
