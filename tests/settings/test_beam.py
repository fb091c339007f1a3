"""The section `beam` takes what its engine can use, and refuses all else before anything runs."""

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from components.engine_arguments import beam_arguments, check
from components.engine_job import JobOptions
from failures import ConfigurationError, Failure
from settings.beam import Beam
from settings.reading import load

SERVICE = {"job_service": "localhost:8099"}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, {}),
        ({"args": ["--temp_location=/scratch"]}, {"temp_location": "/scratch"}),
        (
            {"engine": "processes", "retries": 5},
            {
                "runner": "DirectRunner",
                "direct_running_mode": "multi_processing",
                "direct_num_workers": 0,
                "job_retries": 5,
            },
        ),
        (
            {"engine": "portable", "parallelism": 2, "job_timeout_seconds": 60.0} | SERVICE,
            {
                "runner": "PortableRunner",
                "job_endpoint": "localhost:8099",
                "environment_type": "LOOPBACK",
                "environment_cache_millis": "300000",
                "job_timeout_seconds": 60.0,
                "parallelism": 2,
            },
        ),
        (
            {"engine": "flink", "workers": "external", "worker_pool": "localhost:50000"} | SERVICE,
            {
                "runner": "PortableRunner",
                "job_endpoint": "localhost:8099",
                "environment_type": "EXTERNAL",
                "environment_config": "localhost:50000",
                "environment_cache_millis": "300000",
            },
        ),
        (
            {"engine": "flink", "job_server_jar": "flink.jar", "master": "localhost:8081"},
            {
                "runner": "FlinkRunner",
                "flink_master": "localhost:8081",
                "flink_job_server_jar": "flink.jar",
                "environment_type": "LOOPBACK",
                "environment_cache_millis": "300000",
            },
        ),
        (
            {"engine": "spark", "job_server_jar": "spark.jar", "workers": "docker"}
            | {"worker_image": "steadyfeed:1"},
            {
                "runner": "SparkRunner",
                "spark_job_server_jar": "spark.jar",
                "environment_type": "DOCKER",
                "environment_config": "steadyfeed:1",
                "environment_cache_millis": "300000",
            },
        ),
        (
            {"engine": "prism", "prism_binary": "bin/prism", "worker_cache_seconds": 0},
            {
                "runner": "PrismRunner",
                "prism_location": "bin/prism",
                "experiments": ["disable_prism_server_singleton"],
                "environment_type": "LOOPBACK",
                "environment_cache_millis": "0",
            },
        ),
    ],
    ids=lambda one: one.get("engine"),
)
def test_beam_reads_from_the_arguments_what_the_section_says(given, options):
    arguments = beam_arguments(Beam.of(**given))
    assert JobOptions in PipelineOptions.__subclasses__()
    read = PipelineOptions(arguments).get_all_options(drop_default=True)
    if given.get("engine") and "retries" not in given:
        options = options | {"job_retries": 2}
    assert {name: value for name, value in read.items() if value is not None} == options


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"engine": "dataflow"}, "cannot reach `root`, a folder of this machine; allowed: direct"),
        ({"engine": "portable"}, "engine portable without job_service"),
        ({"engine": "flink"}, "engine flink; allowed: with either job_service or job_server_jar"),
        ({"engine": "prism"}, "engine prism without prism_binary"),
        ({"processes": 4}, "processes with engine direct; allowed: with processes"),
        ({"retries": 1}, "retries with engine direct; allowed: with processes, portable, flink"),
        ({"engine": "processes", "parallelism": 4}, "parallelism with engine processes; allowed"),
        ({"engine": "portable", "workers": "external"} | SERVICE, "worker_pool; allowed: both"),
        ({"engine": "portable", "job_service": "flink"}, "host:port"),
        ({"args": ["--runner=FlinkRunner"]}, "--runner; allowed: beam.engine and its keys"),
    ],
)
def test_what_an_engine_cannot_use_is_refused_in_one_line(given, mistake):
    with pytest.raises(Failure) as refused:
        Beam.of(**given)
    assert mistake in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("given", [{}, {"engine": "flink"} | SERVICE])
def test_a_section_that_is_written_down_whole_can_be_read_again(given):
    section = Beam.of(**given)
    assert Beam.from_json(section.model_dump_json()) == section


def test_a_service_that_is_not_there_is_reported_before_the_run():
    section = Beam.of(engine="flink", job_service="localhost:1")
    with pytest.raises(Failure, match=r"^beam\.job_service: nothing answers at localhost:1 \("):
        check(section)
    check(Beam.of())


def test_a_program_that_is_not_there_is_reported_before_the_run(tmp_path):
    section = Beam.of(engine="prism", prism_binary=str(tmp_path / "prism"))
    with pytest.raises(Failure, match=r"^beam\.prism_binary: .* is not a file"):
        check(section)
    (tmp_path / "prism").touch()
    check(section)


def test_a_run_without_the_program_ends_before_anything_is_written(tmp_path):
    from pipeline.local_run import run_locally

    beam = f"{{engine: prism, prism_binary: {tmp_path / 'prism'}}}"
    given = load("configs/digits.yaml", [f"root={tmp_path / 'root'}", f"beam={beam}"])
    with pytest.raises(Failure, match=r"^beam\.prism_binary: .* is not a file"):
        run_locally(given, write_report=None)
    assert not list(tmp_path.iterdir())


def test_an_engine_whose_workers_see_no_pods_files_is_refused_for_kubeflow(tmp_path):
    from kfp.compile_package import compile_package

    given = ["beam={engine: flink, job_service: flink:8099}"]
    with pytest.raises(ConfigurationError, match="allowed on Kubeflow: direct, processes"):
        compile_package(load("configs/digits.yaml", given), tmp_path / "digits.yaml")
