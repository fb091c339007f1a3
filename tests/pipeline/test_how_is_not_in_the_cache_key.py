"""Where and by how many something is computed does not make it anything else."""

import json

import pytest
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.types.standard_artifacts import Examples

from components.engine_arguments import beam_arguments
from components.typed_component import component
from kfp.compile_package import compile_package
from kfp.entrypoint import BEAM
from kfp.package_rules import read_package
from pipeline.create_pipeline import create_pipeline
from pipeline.local_runner import LocalRunner
from settings.beam import Beam
from settings.reading import load

ON_BEAM = ("--runner=FnApiRunner", "--direct_running_mode=multi_threading")


def keys(*overrides):
    """{component: what TFX's cache key holds of it besides its inputs}."""
    made = create_pipeline(load("configs/digits.yaml", overrides)).components
    return {
        one.id: (
            one.executor_spec.extra_flags,
            getattr(one.executor_spec, "beam_pipeline_args", None),
            one.exec_properties,
        )
        for one in made
    }


def test_other_workers_or_another_engine_do_nothing_again():
    assert keys("training.workers=4", "training.worker_restarts=3") == keys()
    assert keys("beam={engine: processes, processes: 2}") == keys()
    assert keys("training.epochs=9") != keys()


@component
def Where(examples: OutputArtifact[Examples], number: Parameter[int] = 1, engine=None):
    """Notes whether it works on Beam."""
    examples.set_string_custom_property("on_beam", json.dumps([number, engine is not None]))


@pytest.fixture
def run(tmp_path):
    """A function (number, Beam's arguments) → (status, what was noted)."""
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    ran = []

    class Observer:
        def started(self, component):
            pass

        def finished(self, outcome):
            ran.append(outcome)

    def run(number, beam):
        pipeline = Pipeline(
            "where",
            str(tmp_path),
            components=[Where(number=number)],
            enable_cache=True,
            metadata_connection_config=connection,
        )
        LocalRunner(Observer(), f"run-{len(ran)}", beam_arguments=beam).run(pipeline)
        return ran[-1].status, json.loads(ran[-1].outputs["examples"]["on_beam"])

    return run


def test_an_engine_is_used_and_its_results_are_reused_by_another_one(run):
    assert run(1, ()) == ("ran", [1, False])
    assert run(1, ON_BEAM) == ("cached", [1, False])
    assert run(2, ON_BEAM) == ("ran", [2, True])
    assert run(2, ()) == ("cached", [2, True])


def test_the_steps_of_a_package_get_the_engine_where_kubeflows_cache_does_not_see_it(tmp_path):
    beam = Beam.of(engine="processes", processes=2)
    given = load("configs/digits.yaml", ["beam={engine: processes, processes: 2}"])
    spec, _ = read_package(compile_package(given, tmp_path / "digits.yaml"))
    plain, _ = read_package(compile_package(load("configs/digits.yaml"), tmp_path / "plain.yaml"))
    executors = spec["deploymentSpec"]["executors"]
    on_beam = {
        label
        for label, executor in executors.items()
        for one in executor["container"]["env"]
        if one["name"] == BEAM and json.loads(one["value"]) == beam_arguments(beam)
    }
    names = ("TfdsExampleGen", "StatisticsGen", "Transform", "Evaluator")
    assert on_beam == {f"{name}_executor" for name in names}
    for label, executor in plain["deploymentSpec"]["executors"].items():
        assert executor["container"]["args"] == executors[label]["container"]["args"]
