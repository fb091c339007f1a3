"""What the next run of a root does about a model that the check refused or blessed."""

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common import importer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.types import artifact_utils, standard_artifacts

from components.serving_check.component import ServingCheck
from settings.data import Features
from tests.components.serving_check.conftest import PREPROCESSING


def run(folder, model):
    """Runs a pipeline of the check alone."""
    (folder / "none").mkdir(exist_ok=True)
    split_names = {"split_names": artifact_utils.encode_split_names(["test"])}
    sources = {
        name: importer.Importer(
            source_uri=str(uri), artifact_type=kind, properties=properties
        ).with_id(name)
        for name, uri, kind, properties in [
            ("examples", folder / "examples", standard_artifacts.Examples, split_names),
            ("model", model.uri, standard_artifacts.Model, {}),
            ("champion", folder / "none", standard_artifacts.Model, {}),
        ]
    }
    check = ServingCheck(
        **{name: source.outputs["result"] for name, source in sources.items()},
        features=Features(),
        **PREPROCESSING,
    )
    local_dag_runner.LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="check",
            pipeline_root=str(folder / "root"),
            metadata_connection_config=_metadata(folder),
            components=[*sources.values(), check],
            enable_cache=True,
        )
    )


def outcome(folder):
    """("ran" or "cached", whether the model was blessed) of the last check."""
    with metadata.Metadata(_metadata(folder)) as handle:
        store = handle.store
        [kind] = [one for one in store.get_execution_types() if one.name.endswith("ServingCheck")]
        last = max(store.get_executions_by_type(kind.name), key=lambda execution: execution.id)
        events = store.get_events_by_execution_ids([last.id])
        made = [event.artifact_id for event in events if event.type == event.OUTPUT]
        [blessing] = store.get_artifacts_by_id(made)
    cached = last.last_known_state == metadata_store_pb2.Execution.CACHED
    return "cached" if cached else "ran", bool(blessing.custom_properties["blessed"].int_value)


def _metadata(folder):
    return metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))


@pytest.mark.slow
def test_a_refused_model_is_asked_again_by_the_next_run_and_a_blessed_one_is_cached(room, tmp_path):
    needed = tmp_path / "needed"
    model = room.model(needs=str(needed))
    outcomes = []
    for there in (False, True, True):
        if there:
            needed.write_text("")
        run(tmp_path, model)
        outcomes.append(outcome(tmp_path))
    assert outcomes == [("ran", False), ("ran", True), ("cached", True)]
