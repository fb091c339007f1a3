"""A table of images in BigQuery, and the executor and driver behind one call each."""

import pytest
from tfx.types import standard_artifacts

from components.bigquery_example_gen.component import BigqueryExampleGen_Executor
from components.bigquery_example_gen.version import Driver
from settings.bigquery_source import BigquerySource
from settings.data import Features
from tests.bigquery_server import PROJECT
from tests.components.source_images import CLASSES

TABLE = "my-project.pets.photos"


@pytest.fixture
def rows(many_images) -> list[dict]:
    """A row of each image; its key is its number."""
    return [
        {"id": number, "image": content, "label": CLASSES[number % 2]}
        for number, content in enumerate(many_images)
    ]


@pytest.fixture
def properties(bigquery_server):
    """`properties(features, **keys of the source)`: the exec properties of the component."""

    def made(features=None, **keys):
        keys = ({"project": PROJECT} if "query" in keys else {"table": TABLE}) | keys
        keys = {"columns": {"key": "id"}, "retry_seconds": 5} | bigquery_server.keys() | keys
        return {
            "source": BigquerySource.of(**keys).model_dump_json(),
            "features": Features.of(**features or {}).model_dump_json(),
        }

    return made


@pytest.fixture
def version(properties):
    """What the driver says of a source: `version(**keys)`."""

    def look(**keys):
        return Driver(None).value({}, properties(**keys))

    return look


@pytest.fixture
def ingest(tmp_path, properties):
    """Runs the executor: `ingest(features, version, **keys of the source)` gives the artifact."""

    def run(features=None, version="", **keys):
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        given = properties(features, **keys) | {"version_read": version}
        BigqueryExampleGen_Executor(BigqueryExampleGen_Executor.Context()).Do(
            {}, {"examples": [examples]}, given
        )
        return examples

    return run
