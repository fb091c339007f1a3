"""Decides, before BigqueryExampleGen runs, whether the rows are what they were the last time."""

import datetime

from components.bigquery_example_gen.clients import connected
from components.bigquery_example_gen.tables import Table, find
from components.cache_driver import CacheDriver
from components.examples.picture_files import shown
from failures import Failure
from settings.bigquery_source import BigquerySource
from settings.data import Features

_LOOKED = "; looked for files at "
_last_seen: dict[tuple[str, str, str], Table] = {}  # at most one


class Driver(CacheDriver):
    """The version of the table: its name and last modification, or the time that is read.

    With paths, the time of the look is added.
    """

    PARAMETER = "version_read"

    @classmethod
    def is_portable(cls, exec_properties):
        # BigQuery may make another result of the same query for each who asks.
        return BigquerySource.from_json(exec_properties["source"]).table is not None

    def value(self, input_dict, exec_properties):
        source = BigquerySource.from_json(exec_properties["source"])
        features = Features.from_json(exec_properties["features"])
        table = _find(source, features)
        _last_seen.clear()
        _last_seen[_key(table.version, source, features)] = table
        if source.has_paths:  # The same rows may lead to other images in every run.
            return f"{table.version}{_LOOKED}{datetime.datetime.now(datetime.UTC).isoformat()}"
        return table.version


def seen(version: str, source: BigquerySource, features: Features) -> Table:
    """What the driver has just seen in this process, if it was this; else it is looked up.

    Raises:
      Failure: as `find`; also where the table is not what the driver saw.
    """
    version = version.partition(_LOOKED)[0]
    table = _last_seen.pop(_key(version, source, features), None)
    table = table or _find(source, features, version)
    if version and table.version != version:
        raise Failure(f"{shown(table.name)} changed before it was read. Run again.")
    return table


def _find(source: BigquerySource, features: Features, version: str = "") -> Table:
    with connected(source) as clients:
        return find(clients, source, features.mask_feature is not None, version)


def _key(version: str, source: BigquerySource, features: Features) -> tuple[str, str, str]:
    return version, source.model_dump_json(), features.model_dump_json()
