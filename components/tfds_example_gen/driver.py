"""Decides, before TfdsExampleGen runs, whether its data is what it was the last time."""

import tensorflow_datasets as tfds

from components.cache_driver import CacheDriver
from components.tfds_example_gen import splits
from components.tfds_example_gen.dataset import load
from components.tfds_example_gen.fingerprint import fingerprint
from settings.sources import TfdsSource


class Driver(CacheDriver):
    """The data's fingerprint; prepares the dataset where that is needed and allowed."""

    PARAMETER = "fingerprint"

    def value(self, input_dict, exec_properties):
        source = TfdsSource.from_json(exec_properties["source"])
        return fingerprint(*select(source), source.exclude_labels)


def select(
    source: TfdsSource,
) -> tuple[tfds.core.DatasetBuilder, dict[str, tuple[splits.Piece, ...]]]:
    """The dataset and the records of each role; raises Failure as `load` and `splits.select`."""
    builder = load(source.dataset, source.data_dir, source.download)
    return builder, splits.select(builder, source.splits.by_role())
