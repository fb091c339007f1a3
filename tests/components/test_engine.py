"""Work on shards gives the same results and failures in this process and on Beam's workers."""

import functools
import itertools
import time

import apache_beam as beam
import pytest
from apache_beam.runners.portability.local_job_service import LocalJobServicer

from components.engine import run_shards, runs_in_process
from components.engine_job import JobPipeline
from failures import Failure

ENGINES = {"in this process": None, "on Beam": beam.Pipeline}
on_each_engine = pytest.mark.parametrize("make_pipeline", ENGINES.values(), ids=ENGINES)


def double(number):
    return 2 * number


def refuse_odd(number):
    if number % 2:
        raise Failure(f"{number} is odd. Take another one.")
    return number


def break_down(number):
    raise ValueError(f"a defect at {number}")


@on_each_engine
def test_results_come_in_the_order_of_the_shards(tmp_path, make_pipeline):
    results = run_shards(double, range(20), str(tmp_path), make_pipeline, threads=3)
    assert list(results) == list(range(0, 40, 2))


@on_each_engine
def test_the_first_failure_in_the_order_of_the_shards_is_the_one_that_counts(
    tmp_path, make_pipeline
):
    with pytest.raises(Failure, match="3 is odd"):
        list(run_shards(refuse_odd, [2, 3, 4, 5], str(tmp_path), make_pipeline, threads=2))


@on_each_engine
def test_a_defect_is_no_failure_of_the_users(tmp_path, make_pipeline):
    with pytest.raises(Exception, match="a defect at") as caught:
        list(run_shards(break_down, [1], str(tmp_path), make_pipeline))
    assert not isinstance(caught.value, Failure)


def test_results_of_an_earlier_attempt_are_not_taken_for_new_ones(tmp_path):
    list(run_shards(double, [1, 2, 3], str(tmp_path), beam.Pipeline))
    assert list(run_shards(double, [5], str(tmp_path), beam.Pipeline)) == [10]


def test_a_shard_that_the_runner_loses_ends_the_work(tmp_path):
    class Forgetful(beam.Pipeline):
        def __exit__(self, *error):
            super().__exit__(*error)
            (tmp_path / "000001.pickle").unlink()

    with pytest.raises(Failure, match="lost shard 1"):
        list(run_shards(double, [1, 2, 3], str(tmp_path), Forgetful))


def test_in_this_process_only_a_few_shards_are_worked_on_ahead_of_who_takes_them():
    begun = []
    results = run_shards(begun.append, range(100), "", threads=2)
    list(itertools.islice(results, 3))
    assert len(begun) <= 3 + 2


def test_one_thread_begins_no_shard_before_the_result_of_the_last_is_taken():
    begun = []
    results = run_shards(begun.append, range(100), "")
    next(results)
    assert begun == [0]
    next(results)
    assert begun == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "here"),
    [
        ([], True),
        (["--runner=DirectRunner"], True),
        (["--direct_running_mode=in_memory", "--direct_num_workers=1"], True),
        (["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"], True),
        (["--runner=DataflowRunner", "--project=some-project"], False),
        (["--runner=FlinkRunner"], False),
        (["--direct_running_mode=multi_processing"], False),
    ],
)
def test_only_beams_in_memory_runner_is_replaced(arguments, here):
    assert runs_in_process(arguments) == here


@pytest.fixture(scope="module")
def job_service(tmp_path_factory):
    """Beam's own job service, which is reached as Flink's is; the workers are of this process."""
    service = LocalJobServicer(str(tmp_path_factory.mktemp("staged")))
    port = service.start_grpc_server()
    yield f"localhost:{port}"
    service.stop()


@pytest.fixture
def on_the_service(job_service):
    """A function (further arguments) that makes what makes pipelines there."""

    def make(*arguments):
        words = ["--runner=PortableRunner", f"--job_endpoint={job_service}"]
        words += ["--environment_type=LOOPBACK", *arguments]
        return functools.partial(JobPipeline, "Transform", words)

    return make


def test_a_job_service_gives_the_same_results_and_failures(tmp_path, on_the_service):
    results = run_shards(double, range(20), str(tmp_path), on_the_service())
    assert list(results) == list(range(0, 40, 2))
    with pytest.raises(Failure, match="3 is odd"):
        list(run_shards(refuse_odd, [2, 3, 4, 5], str(tmp_path), on_the_service()))


def test_a_job_that_fails_on_a_service_is_reported_in_one_line(tmp_path, on_the_service):
    with pytest.raises(Failure) as failed:
        list(run_shards(break_down, [1], str(tmp_path), on_the_service()))
    assert str(failed.value).startswith("the Beam job steadyfeed-transform on the job service at ")
    assert "a defect at 1" in str(failed.value)
    assert "\n" not in str(failed.value)


def sleep_long(number):
    time.sleep(4)


def test_a_job_that_is_stuck_ends_in_time_and_is_named(tmp_path, on_the_service):
    make_pipeline = on_the_service("--job_timeout_seconds=1")
    with pytest.raises(Failure, match=r"^the Beam job steadyfeed-transform on .* within 1 seconds"):
        list(run_shards(sleep_long, [1], str(tmp_path), make_pipeline))


def test_a_job_service_that_is_gone_is_reported_in_one_line(tmp_path):
    words = ["--runner=PortableRunner", "--job_endpoint=localhost:1", "--job_server_timeout=1"]
    with pytest.raises(Failure, match=r"^the Beam job steadyfeed-transform on the job"):
        list(run_shards(double, [1], str(tmp_path), lambda: JobPipeline("Transform", words)))
