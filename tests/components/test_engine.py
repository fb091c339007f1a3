"""Work on shards gives the same results and failures in this process and on every engine."""

import itertools

import pytest
from apache_beam.runners.portability.local_job_service import LocalJobServicer

from components.engine import engine_of, processes_for, run_shards
from components.engine_arguments import beam_arguments
from components.engine_job import BeamEngine
from components.engine_processes import ProcessEngine
from components.usable_cores import usable_cores
from failures import EngineFailure, Failure
from settings.beam import Beam
from tests.components import shard_work

ENGINES = {
    "in this process": None,
    "in several processes": ProcessEngine(2),
    "on Beam": BeamEngine("Transform", ["--runner=FnApiRunner"]),
}
on_each_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)


@on_each_engine
def test_results_come_in_the_order_of_the_shards(tmp_path, engine):
    results = run_shards(shard_work.double, range(20), str(tmp_path), engine, threads=3)
    assert list(results) == list(range(0, 40, 2))


@on_each_engine
def test_the_first_failure_in_the_order_of_the_shards_is_the_one_that_counts(tmp_path, engine):
    with pytest.raises(Failure, match=r"^3 is odd\. Take another one\.$"):
        list(run_shards(shard_work.refuse_odd, [2, 3, 4, 5], str(tmp_path), engine, threads=2))


@on_each_engine
def test_a_defect_is_the_same_everywhere_and_neither_the_users_nor_the_engines(tmp_path, engine):
    with pytest.raises(ValueError, match=r"^a defect at 1"):
        list(run_shards(shard_work.break_down, [1], str(tmp_path), engine))


def test_a_defect_that_cannot_travel_is_reported_by_its_name_and_text(tmp_path):
    with pytest.raises(RuntimeError, match=r"^Awkward: no and 1$"):
        list(run_shards(shard_work.break_down_awkwardly, [1], str(tmp_path), ProcessEngine(1)))


def test_results_of_an_earlier_attempt_are_not_taken_for_new_ones(tmp_path):
    engine = Unsteady(retries=0, does=3)
    list(run_shards(shard_work.double, [1, 2, 3], str(tmp_path), engine))
    assert list(run_shards(shard_work.double, [5], str(tmp_path), engine)) == [10]


class Unsteady:
    """An engine that does so many shards at a time, and forgets the others or fails."""

    name = "the unsteady engine"

    def __init__(self, retries, does=1, failure=None):
        self.retries, self.does, self.failure = retries, does, failure
        self.given = []

    def do(self, work, shards):
        self.given.append([number for number, _ in shards])
        for shard in shards[: self.does]:
            work(shard)
        if self.failure:
            raise EngineFailure(self.failure)


@pytest.fixture
def at_once(monkeypatch):
    """Without a pause before an engine gets shards again."""
    monkeypatch.setattr("components.engine.time.sleep", lambda seconds: None)


@pytest.mark.parametrize("failure", [None, "it broke"])
@pytest.mark.usefixtures("at_once")
def test_an_engine_gets_what_it_left_undone_again_and_nothing_else(tmp_path, failure):
    engine = Unsteady(retries=2, failure=failure)
    results = run_shards(shard_work.double, [1, 2, 3], str(tmp_path), engine)
    assert list(results) == [2, 4, 6]
    assert engine.given == [[0, 1, 2], [1, 2], [2]]


@pytest.mark.usefixtures("at_once")
def test_an_engine_that_keeps_failing_is_what_the_failure_names(tmp_path):
    engine = Unsteady(retries=1, failure="the unsteady engine failed: no slots.")
    with pytest.raises(EngineFailure) as failed:
        list(run_shards(shard_work.double, [1, 2, 3], str(tmp_path), engine))
    assert str(failed.value) == (
        "the unsteady engine failed: no slots. 1 of 3 shards are undone after 2 attempts; "
        "beam.retries sets how often the engine gets them again."
    )


def test_shards_that_an_engine_loses_in_silence_end_the_work(tmp_path):
    with pytest.raises(EngineFailure, match=r"^the unsteady engine ended.* 2 of 3 shards are undo"):
        list(run_shards(shard_work.double, [1, 2, 3], str(tmp_path), Unsteady(retries=0)))


def test_several_processes_share_the_cores_of_this_machine(tmp_path):
    share = max(1, -(-usable_cores() // 2))
    results = run_shards(shard_work.cores_of, range(4), str(tmp_path / "reports"), ProcessEngine(2))
    assert list(results) == [share] * 4


def test_several_processes_leave_the_gpus_to_this_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    results = run_shards(shard_work.gpus_of, range(2), str(tmp_path / "reports"), ProcessEngine(2))
    assert list(results) == [[], []]


@pytest.mark.usefixtures("at_once")
def test_a_killed_process_costs_its_shard_a_second_attempt(tmp_path):
    shards = [(str(tmp_path), number) for number in range(6)]
    reports = str(tmp_path / "reports")
    with pytest.raises(EngineFailure, match=r"was killed by signal 9 at shard 3\. 1 of 6 shards"):
        list(run_shards(shard_work.be_killed_once, shards, reports, ProcessEngine(2)))
    (tmp_path / "killed").unlink()
    engine = ProcessEngine(2, retries=1)
    results = run_shards(shard_work.be_killed_once, shards, reports, engine)
    assert list(results) == [0, 2, 4, 6, 8, 10]


@pytest.mark.slow
def test_processes_that_take_too_long_are_ended_in_time(tmp_path):
    engine = ProcessEngine(1, timeout=0.5)
    with pytest.raises(EngineFailure, match=r"did not end within 0\.5 seconds and was ended"):
        list(run_shards(shard_work.sleep_long, [1], str(tmp_path), engine))


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
    ("arguments", "kind"),
    [
        ([], type(None)),
        (["--runner=DirectRunner"], type(None)),
        (["--direct_running_mode=in_memory", "--direct_num_workers=1"], type(None)),
        (["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"], type(None)),
        (["--runner=DataflowRunner", "--project=some-project"], BeamEngine),
        (["--runner=FlinkRunner"], BeamEngine),
        (["--direct_running_mode=multi_threading"], BeamEngine),
        (["--direct_running_mode=multi_processing"], ProcessEngine),
    ],
)
def test_beams_own_runners_of_one_machine_are_replaced_except_for_its_threads(arguments, kind):
    assert type(engine_of("Transform", [*arguments, "--job_retries=3"])) is kind


@pytest.fixture(scope="module")
def job_service(tmp_path_factory):
    """Beam's own job service, which is reached as Flink's is; the workers are of this process."""
    service = LocalJobServicer(str(tmp_path_factory.mktemp("staged")))
    port = service.start_grpc_server()
    yield f"localhost:{port}"
    service.stop()


@pytest.fixture
def on_the_service(job_service):
    """A function (further arguments) that makes the engine there."""

    def make(*arguments):
        words = ["--runner=PortableRunner", f"--job_endpoint={job_service}"]
        words += ["--environment_type=LOOPBACK", *arguments]
        return BeamEngine("Transform", words)

    return make


@pytest.mark.slow
def test_a_job_service_gives_the_same_results_and_failures(tmp_path, on_the_service):
    results = run_shards(shard_work.double, range(20), str(tmp_path), on_the_service())
    assert list(results) == list(range(0, 40, 2))
    with pytest.raises(Failure, match="3 is odd"):
        list(run_shards(shard_work.refuse_odd, [2, 3, 4, 5], str(tmp_path), on_the_service()))


@pytest.mark.slow
def test_a_job_that_fails_on_a_service_is_reported_in_one_line(tmp_path, on_the_service):
    reports = str(tmp_path / "reports")
    with pytest.raises(EngineFailure) as failed:
        list(run_shards(shard_work.block_the_report, [reports], reports, on_the_service()))
    assert str(failed.value).startswith("the Beam job steadyfeed-transform on the job service at ")
    assert "failed: " in str(failed.value)
    assert "\n" not in str(failed.value)


@pytest.mark.slow
def test_a_job_may_take_longer_than_the_service_may_take_to_answer(tmp_path, on_the_service):
    engine = on_the_service("--job_server_timeout=2")
    assert list(run_shards(shard_work.sleep_long, [1], str(tmp_path), engine)) == [1]


@pytest.mark.slow
def test_a_job_that_is_stuck_ends_in_time_and_is_named(tmp_path, on_the_service):
    engine = on_the_service("--job_timeout_seconds=1")
    with pytest.raises(
        EngineFailure, match=r"^the Beam job steadyfeed-transform on .* within 1 seconds"
    ):
        list(run_shards(shard_work.sleep_long, [1], str(tmp_path), engine))


@pytest.mark.slow
def test_a_job_service_that_is_gone_is_reported_in_one_line(tmp_path):
    words = ["--runner=PortableRunner", "--job_endpoint=localhost:1", "--job_server_timeout=1"]
    with pytest.raises(EngineFailure, match=r"^the Beam job steadyfeed-transform on the .*no a"):
        list(run_shards(shard_work.double, [1], str(tmp_path), BeamEngine("Transform", words)))


# Beam closes the channel under a thread of gRPC's that still watches it.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_program_that_is_not_prism_is_reported_in_one_line(tmp_path):
    program = tmp_path / "prism"
    program.write_text("#!/bin/sh\nexit 3\n")
    words = beam_arguments(Beam.of(engine="prism", prism_binary=str(program), retries=0))
    engine = BeamEngine("Transform", words)
    with pytest.raises(EngineFailure, match=r"^the Beam job .* on PrismRunner failed: .*error 3\."):
        list(run_shards(shard_work.double, [1], str(tmp_path / "reports"), engine))


@pytest.mark.parametrize(("number", "much", "processes"), [(32, 8, 8), (32, 9, 0), (7, 8, 0)])
def test_large_files_on_many_cores_are_worth_processes(number, much, processes, cores, tmp_path):
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        file.write_bytes(b"abcd")
    cores(number)
    assert processes_for(files * 4, 4 * much, cores_each=4) == processes
    assert processes_for(files[:1], 1, cores_each=4) == 0
