"""Decides, before TfdsExampleGen runs, whether its data is what it was the last time."""

from typing import Any, NamedTuple

import tensorflow_datasets as tfds

from components.cache_driver import CacheDriver
from components.examples.local_copies import local
from components.tfds_example_gen import splits
from components.tfds_example_gen.dataset import load, parse
from components.tfds_example_gen.fingerprint import fingerprint
from files.buckets.addresses import is_bucket
from files.places import is_folder, reading
from settings.sources import TfdsSource


class Driver(CacheDriver):
    """The data's fingerprint; prepares the dataset where that is needed and allowed."""

    PARAMETER = "fingerprint"

    def value(self, input_dict, exec_properties):
        source = TfdsSource.from_json(exec_properties["source"])
        return select(source).fingerprint(source)


class Selected(NamedTuple):
    """A prepared dataset, and the records of each role."""

    builder: tfds.core.DatasetBuilder
    roles: dict[str, tuple[splits.Piece, ...]]
    held: Any  # what keeps the dataset's files as they are

    def fingerprint(self, source: TfdsSource) -> str:
        return fingerprint(self.builder, self.roles, source.exclude_labels, self.held)


def select(source: TfdsSource) -> Selected:
    """Finds what a run reads; raises Failure as `local`, `load` and `splits.select`."""
    data_dir, held = source.data_dir, None
    if data_dir is not None and is_bucket(data_dir):
        data_dir, _, held = local(data_dir, source, _part(source))
    builder = load(source.dataset, data_dir, source.download, "data.download: true")
    return Selected(builder, splits.select(builder, source.splits.by_role()), held)


def _part(source: TfdsSource) -> str:
    """The folder of the dataset, as closely as its name says without a look at others."""
    request = parse(source.dataset)
    part = "/".join(filter(None, [request.name, request.config]))
    exact = f"{part}/{request.version}"
    with reading(source.data_dir, "Correct data.data_dir, then run again."):
        has_exact = source.is_fixed and is_folder(f"{source.data_dir.rstrip('/')}/{exact}")
    return exact if has_exact else part
