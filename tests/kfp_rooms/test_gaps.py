"""A test for each gap between TFX's compiled output and the open-source backend.

Where TFX's own part can be run, the test first shows that it fails.
"""

import json
import os
import subprocess
import sys

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components import CsvExampleGen
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Channel, standard_artifacts
from toy_components import Count
from toy_pipeline import toy_pipeline

from kfp import entrypoint
from kfp.artifact_records import to_artifact, to_record
from kfp.backend_driver import survive
from kfp.compile_package import compile_pipeline
from kfp.launcher_paths import ROOT_VARIABLE, local_path
from kfp.package_rules import PackageRefused, check_package, read_package
from settings.kubeflow import Kubeflow
from tests.processes import Fork

KUBEFLOW = Kubeflow(image="toy:1")
COUNT = {"count": 4, "scale": 1.5, "settings": "{}"}


def pipeline_of(*components):
    return Pipeline(pipeline_name="toy", pipeline_root="unused", components=list(components))


def compiled(*components):
    return compile_pipeline(pipeline_of(*components), KUBEFLOW)


def as_tfx_compiles(pipeline, use_pipeline_spec_2_1=True):
    config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image="toy:1", use_pipeline_spec_2_1=use_pipeline_spec_2_1
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(config)
    return runner.run(pipeline, write_out=False)["pipelineSpec"]


def reasons(documents):
    with pytest.raises(PackageRefused) as refusal:
        check_package(documents)
    return str(refusal.value)


@pytest.fixture(scope="module")
def toy():
    return compile_pipeline(toy_pipeline("/models"), KUBEFLOW)[0]


def test_spec_2_0_is_refused_and_2_1_is_written(toy):
    old = as_tfx_compiles(toy_pipeline("/models"), use_pipeline_spec_2_1=False)

    assert "allowed: 2.1.0" in reasons([old])
    assert toy["schemaVersion"] == "2.1.0"


def test_a_pipeline_job_in_json_is_refused(tmp_path):
    with pytest.raises(PackageRefused, match=r"accepts \.yaml files"):
        read_package(tmp_path / "pipeline.json")


def test_a_resolver_is_refused_at_compile_time():
    latest = Resolver(
        strategy_class=LatestArtifactStrategy, model=Channel(type=standard_artifacts.Model)
    ).with_id("Latest")

    with pytest.raises(PackageRefused, match="a resolver; the backend has none"):
        compiled(latest)


def invocation(executor, inputs, outputs, parameters=(), spec=None, output_file="/tmp/unused"):
    given = {
        "inputs": {"artifacts": inputs, "parameterValues": dict(parameters)},
        "outputs": {"artifacts": outputs, "outputFile": str(output_file)},
    }
    return executor, given, spec or {}, []


def artifacts(**fields):
    return {"artifacts": [fields]}


BLANK = artifacts(
    name="12", uri="minio://bucket/m", type={"instanceSchema": ""}, metadata={"split_names": "[]"}
)
MODEL_SPEC = {"artifacts": {"model": {"artifactType": {"instanceSchema": "title: tfx.Model"}}}}


def test_inputs_arrive_without_a_type_and_get_the_one_their_component_declares(
    tmp_path, monkeypatch
):
    message = pipeline_spec_pb2.ArtifactList()
    json_format.ParseDict(BLANK, message)
    with pytest.raises(AttributeError):
        kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict({"model": message})

    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    (tmp_path / "minio/bucket/m").mkdir(parents=True)
    (tmp_path / "minio/bucket/m/total").write_text("20")
    blessing = artifacts(
        uri="minio://bucket/b", type={"instanceSchema": "title: tfx.ModelBlessing"}
    )
    entrypoint.run(
        *invocation(
            "toy_components.JudgeExecutor",
            {"model": BLANK},
            {"blessing": blessing},
            {"least": 10},
            MODEL_SPEC | {"parameters": {"least": {"parameterType": "NUMBER_INTEGER"}}},
            tmp_path / "out.json",
        )
    )

    written = json.loads((tmp_path / "out.json").read_text())
    [record] = written["artifacts"]["blessing"]["artifacts"]
    assert record["metadata"] == {"blessed": 1, "current_model_id": 12, "total": 20.0}


def test_the_output_executor_logs_is_dropped(tmp_path, monkeypatch):
    log = artifacts(uri="minio://bucket/l", type={"schemaTitle": "system.Artifact"})
    message = pipeline_spec_pb2.ArtifactList()
    json_format.ParseDict(log, message)
    with pytest.raises(ImportError):
        kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict({"executor-logs": message})

    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    examples = artifacts(uri="minio://bucket/e", type={"instanceSchema": "title: tfx.Examples"})
    specs = {
        "count": {"parameterType": "NUMBER_INTEGER"},
        "scale": {"parameterType": "NUMBER_DOUBLE"},
        "settings": {"parameterType": "STRING"},
    }
    entrypoint.run(
        *invocation(
            "toy_components.CountExecutor",
            {},
            {"examples": examples, "executor-logs": log},
            COUNT | {"count": 4.0, "settings": '{"factor": 1}'},
            {"parameters": specs},
            tmp_path / "out.json",
        )
    )

    assert set(json.loads((tmp_path / "out.json").read_text())["artifacts"]) == {"examples"}


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://bucket/a/b", "/minio/bucket/a/b"),
        ("s3://bucket/a/b", "/s3/bucket/a/b"),
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("/models/digits", "/models/digits"),
        ("oci://image", "oci://image"),
    ],
)
def test_addresses_become_the_launchers_local_paths(uri, path, monkeypatch):
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)

    assert local_path(uri) == path


def test_the_uri_stays_out_of_what_the_launcher_gets():
    model = standard_artifacts.Model()
    model.uri = "/minio/bucket/model"

    assert set(to_record(model)) == {"metadata"}


def test_a_property_without_a_value_is_left_out_for_a_null_fails_the_publishing():
    examples = standard_artifacts.Examples()
    examples.mlmd_artifact.custom_properties["summary"].Clear()
    examples.split_names = "[]"

    record = to_record(examples)

    assert "summary" not in record["metadata"]
    survive(record["metadata"])
    with pytest.raises(Exception, match="has no value"):
        survive({"summary": None})


def test_lists_and_dictionaries_come_back_wrapped_and_are_unwrapped():
    sent = {"shape": [28, 28], "classes": {"label": ["cat"]}, "list": {"list": [1.0]}}
    examples = standard_artifacts.Examples()
    for key, value in sent.items():
        examples.set_json_value_custom_property(key, value)

    survived = survive(to_record(examples)["metadata"])
    assert survived["shape"] == {"list": [28, 28]}
    assert survived["classes"] == {"struct": {"label": ["cat"]}}

    schema = {"instanceSchema": "title: tfx.Examples"}
    back = to_artifact({"uri": "minio://b/e", "metadata": survived}, schema)
    assert {key: back.get_json_value_custom_property(key) for key in sent} == sent


def test_an_example_gen_whose_driver_would_never_run_is_refused():
    with pytest.raises(PackageRefused, match="a lifecycle hook, which the backend never runs"):
        compiled(CsvExampleGen(input_base="/data"))


def test_defaults_of_runtime_parameters_are_in_the_package(toy):
    raw = as_tfx_compiles(toy_pipeline("/models"))

    assert "parameter count: no default" in reasons([raw])
    assert toy["root"]["inputDefinitions"]["parameters"]["count"]["defaultValue"] == 4


def reading_a_total_of(producer, toy):
    """The toy's package in which Judge reads the total that Add has come to give."""
    spec = json.loads(json.dumps(toy))
    outputs = spec["components"]["Add"]["outputDefinitions"]
    outputs["parameters"] = {"total": {"parameterType": "NUMBER_DOUBLE"}}
    read = {"producerTask": producer, "outputParameterKey": "total"}
    spec["root"]["dag"]["tasks"]["Judge"]["inputs"]["parameters"]["least"] = {
        "taskOutputParameter": read
    }
    return spec


def test_a_reader_of_an_output_that_no_task_has_is_refused(toy):
    spec = reading_a_total_of("Add_task", toy)  # TFX's name of the task Add

    assert "is the output total of Add_task, which no task of the package has" in reasons([spec])


def test_a_reader_of_a_tasks_output_is_taken(toy):
    check_package([reading_a_total_of("Add", toy)])


@pytest.mark.parametrize("name", ["count_numbers", "count.numbers", "2Count"])
def test_a_component_id_that_argo_refuses_is_refused(name):
    with pytest.raises(PackageRefused, match="allowed: letters, digits and '-'"):
        compiled(Count(**COUNT).with_id(name))


def test_containers_that_are_alike_are_kept_apart():
    def twins():
        return [Count(**COUNT).with_id(name) for name in ("One", "Two")]

    raw = as_tfx_compiles(pipeline_of(*twins()))
    assert "the backend would take one component's inputs for both" in reasons([raw])

    executors = compiled(*twins())[0]["deploymentSpec"]["executors"].values()
    assert len({json.dumps(executor) for executor in executors}) == 2


def test_the_pipeline_root_is_not_in_the_package_and_comes_with_the_run(toy):
    assert "unused" not in json.dumps(toy)
    assert "defaultPipelineRoot" not in toy


def imported(uri):
    return Importer(source_uri=uri, artifact_type=standard_artifacts.Model).with_id("Import")


def test_an_importer_takes_addresses_of_object_stores_alone():
    with pytest.raises(PackageRefused, match="the backend imports only gs://"):
        compiled(imported("/models/digits"))

    assert compiled(imported("s3://bucket/model"))


@pytest.mark.slow
def test_a_crash_in_a_destructor_is_not_a_failure_of_the_step(tmp_path):
    """Once the output file is written, the process ends without tidying up."""
    (tmp_path / "crashing.py").write_text(
        "import atexit, os\n"
        "from tfx.dsl.components.base.base_executor import BaseExecutor\n"
        "class Executor(BaseExecutor):\n"
        "    def Do(self, inputs, outputs, properties):\n"
        "        atexit.register(os.abort)\n"
    )
    given = {"outputs": {"outputFile": str(tmp_path / "out.json")}}
    command = [
        sys.executable,
        "-m",
        "kfp.entrypoint",
        "--executor_class_path=crashing.Executor",
        f"--json_serialized_invocation_args={json.dumps(given)}",
    ]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "_KFP_RUNTIME": "true"}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with open(tmp_path / "log", "wb") as log:
        step = Fork(command, env=environment, stderr=log, **streams)
        code = step.wait(60)

    assert code == 0, (tmp_path / "log").read_text()
    assert json.loads((tmp_path / "out.json").read_text()) == {"artifacts": {}}
