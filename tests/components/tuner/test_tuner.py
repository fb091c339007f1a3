"""Tuner: a search with Trainer's own training, and Trainer with what it found."""

import contextlib
import json
import logging
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from tfx.types import standard_artifacts

from components.trainer.hyperparameters import read_best
from components.tuner import executor, trials
from components.tuner.reading import read_trials
from failures import Failure, SurroundingsFailure
from tests.processes import forking

pytestmark = pytest.mark.slow


def results(found) -> list[dict]:
    [artifact] = found["tuner_results"]
    return json.loads(Path(artifact.uri, "tuner_results.json").read_text())


def best(found) -> dict:
    return read_best(found["best_hyperparameters"][0].uri)


def test_the_better_of_two_learning_rates_is_found(found):
    assert best(found) == {"training.learning_rate": 0.01}
    better, worse = results(found)
    assert better["score"] < 0.8 * worse["score"]
    assert json.loads(worse["training.learning_rate"]) == 1e-7


def test_the_artifacts_say_what_was_found(found):
    [hyperparameters], [tuner_results] = found.values()
    assert hyperparameters.get_string_custom_property("summary") == "learning_rate 0.01"
    summary = tuner_results.get_string_custom_property("summary")
    assert summary.startswith("validation_loss ")
    assert summary.endswith(", the best of 2 trials")


def test_every_trial_has_a_log_of_its_own(found):
    trials = read_trials(Path(found["tuner_results"][0].uri))
    assert [trial.name for trial in trials] == ["0", "1"]
    assert all("learning_rate" in key for t in trials for key in t.history.hyperparameters)
    scores = sorted(trial["score"] for trial in results(found))
    losses = [trial.history.best.validation_loss for trial in trials]
    np.testing.assert_allclose(sorted(losses), scores)


def test_trainer_trains_with_the_best_hyperparameters_and_records_them(found, train_with):
    run = train_with(found["best_hyperparameters"], learning_rate=1e-7, epochs=1)
    # The one epoch is the warm-up, whose last step is one below the rate that was found.
    assert 0.009 < run.history["epochs"][0]["learning_rate"] < 0.01
    assert run.history["epochs"][0]["validation_loss"] == pytest.approx(results(found)[0]["score"])
    recorded = json.loads(Path(run.model_run.uri, "hyperparameters.json").read_text())
    assert recorded == {"training.learning_rate": 0.01}


@pytest.mark.slow
def test_two_trials_at_a_time_reach_what_they_reach_one_after_another(
    search_in, found, tmp_path, monkeypatch
):
    processes = forking(anew=lambda number: number == 0)
    monkeypatch.setattr(trials, "subprocess", processes)
    together = search_in(parallel_trials=2, checkpoint_dir=tmp_path)
    assert best(together) == best(found)
    scores = [[trial["score"] for trial in results(search)] for search in (together, found)]
    np.testing.assert_allclose(*scores, rtol=1e-4)
    read = read_trials(Path(together["tuner_results"][0].uri))
    assert [trial.name for trial in read] == ["0", "1"]
    assert [process.returncode for process in processes.started] == [0, 0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, "{", "[]", '{"values": []}', '{"values": {"a": "b"}}'])
def test_unreadable_hyperparameters_are_refused_in_one_line(train_with, tmp_path, content):
    none = standard_artifacts.HyperParameters()
    none.uri = str(tmp_path)
    if content:
        (tmp_path / "best_hyperparameters.txt").write_text(content)
    with pytest.raises(Failure, match="no readable best_hyperparameters") as refused:
        train_with([none])
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_the_same_seed_searches_in_the_same_way(search_in):
    space = {"training.learning_rate": {"min": 0.001, "max": 0.1, "log": True}}
    [one], [two] = (results(search_in(space, algorithm="bayesian", trials=1)) for _ in range(2))
    assert one["training.learning_rate"] == two["training.learning_rate"]
    np.testing.assert_allclose(one["score"], two["score"], rtol=1e-4)


@pytest.fixture(scope="module")
def of_many_kinds(search_in):
    """A search by hyperband, which gives its first trial one epoch, over values of every kind."""
    return search_in(trials=1, epochs=3, algorithm="hyperband", search_space={
        "augmentation.rotate": {"min": 0, "max": 9},
        "model.parameters.dropout": {"min": 0, "max": 1},
        "model.parameters.filters": {"choices": [[4, 8], [8, 16]]},
        "training.learning_rate": {"min": 1, "max": 2},
        "training.batch_size": {"min": 8, "max": 32},
    })  # fmt: skip


def test_a_trial_trains_for_as_long_as_hyperband_says(of_many_kinds):
    [result] = results(of_many_kinds)
    assert result["tuner/epochs"] == 1
    [trial] = read_trials(Path(of_many_kinds["tuner_results"][0].uri))
    assert len(trial.history.epochs) == 1
    assert not any(key.startswith("tuner/") for key in best(of_many_kinds))


def test_between_two_whole_numbers_there_are_fractions_where_the_key_takes_them(of_many_kinds):
    assert {key: type(value) for key, value in best(of_many_kinds).items()} == {
        "augmentation.rotate": float,
        "model.parameters.dropout": float,
        "model.parameters.filters": list,
        "training.learning_rate": float,
        "training.batch_size": int,
    }


class Killed(BaseException):
    pass


def killed_in_its_second_trial(search) -> None:
    """Calls what searches with two trials, and kills it in the second one."""
    ended = []

    def kill(record):
        if ended:
            raise Killed
        ended.extend([1] * record.getMessage().startswith("trial 1 of 2:"))
        return True

    progress = logging.getLogger("steadyfeed.progress")
    progress.setLevel(logging.INFO)
    progress.addFilter(kill)
    try:
        with pytest.raises(Killed):
            search()
    finally:
        progress.removeFilter(kill)


@pytest.fixture(scope="module")
def kept(search_in, tmp_path_factory) -> Path:
    """Where a search that was killed in its second trial keeps its state."""
    state = tmp_path_factory.mktemp("killed") / "checkpoints"
    killed_in_its_second_trial(lambda: search_in(checkpoint_dir=state))
    return state


@pytest.fixture
def killed(kept, tmp_path) -> Path:
    """The same state, for a search that goes on, and beside it what it knows of trials."""
    return Path(shutil.copytree(kept.parent, tmp_path / "killed")) / kept.name


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_trial_that_was_running(search_in, found, killed, caplog):
    caplog.clear()
    caplog.set_level(logging.INFO, "steadyfeed.progress")
    again = search_in(checkpoint_dir=killed)
    reported = [record.getMessage() for record in caplog.records]
    assert reported
    assert all(message.startswith("trial 2 of 2") for message in reported)
    scores = [[trial["score"] for trial in results(search)] for search in (again, found)]
    np.testing.assert_allclose(*scores, rtol=1e-4)
    assert not list(killed.iterdir())
    logs = Path(again["tuner_results"][0].uri, "trials")
    assert sorted(file.parent.name for file in logs.rglob("history.json")) == ["0", "1"]
    assert len(list(logs.glob("1/train/events*"))) == 1


@pytest.fixture
def kill_in_the_first_trial(search_in, monkeypatch):
    """A function: leaves a search as a kill does in its first trial, with nothing tidied up."""
    over, threads = threading.Event(), []

    def kill(**keys):
        begun = threading.Event()

        def train(attempt):
            begun.set()
            over.wait()
            raise Killed

        def search():
            with contextlib.suppress(Killed):
                search_in(**keys)

        with monkeypatch.context() as patch:
            patch.setattr(executor, "objective_of", train)
            threads.append(threading.Thread(target=search))
            threads[-1].start()
            assert begun.wait(60)

    yield kill
    over.set()
    for thread in threads:
        thread.join()


def test_a_trial_at_which_the_search_was_killed_three_times_counts_as_failed(
    search_in, kill_in_the_first_trial, tmp_path, caplog
):
    caplog.set_level(logging.INFO, "steadyfeed.progress")
    for _ in range(3):
        kill_in_the_first_trial(checkpoint_dir=tmp_path / "checkpoints")
    [found] = search_in(checkpoint_dir=tmp_path / "checkpoints")["tuner_results"]
    lost = "failed: Tuner: its process ended before the training did (the search around it was lost"
    assert any(lost in line for line in caplog.messages)
    assert found.get_string_custom_property("summary").endswith("the best of 1 trial; 1 failed")


def test_a_search_that_was_interrupted_is_not_counted_as_lost(search_in, tmp_path, monkeypatch):
    def interrupted(attempt):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(executor, "objective_of", interrupted)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                search_in(checkpoint_dir=tmp_path / "checkpoints")
    [found] = search_in(checkpoint_dir=tmp_path / "checkpoints")["tuner_results"]
    assert found.get_string_custom_property("summary").endswith("the best of 2 trials")


@pytest.mark.slow
@pytest.mark.parametrize("file", ["oracle.json", "trial_0/trial.json"])
def test_state_that_a_kill_left_half_written_is_begun_anew(search_in, found, killed, file):
    [written] = killed.glob(f"tuner-*/search/{file}")
    written.write_text(written.read_text()[:20])
    assert best(search_in(checkpoint_dir=killed)) == best(found)


LOSSES = """
    import tensorflow as tf

    def one(logits, targets):
        {step}
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)

    def two(logits, targets):
        return one(logits, targets)
"""


def test_a_loss_that_was_mended_after_a_kill_is_tried_again(search_in, kit, tmp_path):
    module = kit(LOSSES.format(step="raise ValueError('a bug')"))
    space = {"training.loss": {"choices": [f"{module}:one", f"{module}:two"]}}
    state = tmp_path / "checkpoints"
    killed_in_its_second_trial(lambda: search_in(space, checkpoint_dir=state))
    kit(LOSSES.format(step="pass"))
    del sys.modules[module]  # As in another process.
    [found] = search_in(space, checkpoint_dir=state)["tuner_results"]
    assert found.get_string_custom_property("summary").endswith(", the best of 2 trials")


def test_a_failed_trial_is_reported_and_the_search_goes_on(search_in, caplog):
    caplog.set_level(logging.INFO, "steadyfeed.progress")
    found = search_in({"model.parameters.filters": {"choices": ["none", [4, 8]]}}, trials=3)
    assert best(found) == {"model.parameters.filters": [4, 8]}
    assert len(results(found)) == 1
    [reported] = [
        record.getMessage() for record in caplog.records if "filters none" in record.message
    ]
    assert "failed: Trainer: hyperparameters: model.parameters.filters: given 'none'" in reported
    [tuner_results] = found["tuner_results"]
    summary = tuner_results.get_string_custom_property("summary")
    assert summary.endswith(", the best of 1 trial; 1 failed")


def test_a_shard_that_cannot_be_read_ends_the_search_of_processes_and_keeps_its_state(
    search_in, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(trials, "subprocess", forking(anew=lambda number: False))
    inputs, damaged = digits.inputs, tmp_path / "damaged"
    shutil.copytree(digits.folder / "transformed", damaged)
    inputs["transformed_examples"][0].uri = str(damaged)
    for shard in (damaged / "Split-train").iterdir():
        shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(SurroundingsFailure, match="is damaged after") as refused:
        search_in(inputs=inputs, checkpoint_dir=tmp_path / "checkpoints", parallel_trials=2)
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "checkpoints").glob("tuner-*/search/oracle.json"))


def test_a_search_whose_examples_are_out_of_reach_ends_and_keeps_its_state(
    search_in, digits, tmp_path
):
    inputs = digits.inputs
    inputs["transformed_examples"][0].uri = str(tmp_path / "not mounted")
    with pytest.raises(SurroundingsFailure, match=r'the split "train" in .*mounted'):
        search_in(inputs=inputs, checkpoint_dir=tmp_path / "checkpoints")
    assert list((tmp_path / "checkpoints").glob("tuner-*/search/oracle.json"))


def test_a_trial_that_diverges_leaves_no_checkpoint(search_in, digits, tmp_path):
    inputs = digits.inputs
    graph, state = tmp_path / "transform_graph", tmp_path / "checkpoints"
    shutil.copytree(digits.folder / "transform_graph", graph)
    # So large that the weights are not numbers any more at the end of the epoch.
    statistics = graph / "pixel_statistics.json"
    statistics.write_text(json.dumps(json.loads(statistics.read_text()) | {"mean": [1e30]}))
    inputs["transform_graph"][0].uri = str(graph)
    with pytest.raises(Failure, match="not finite numbers after step 15"):
        search_in(
            {"model.parameters.filters": {"choices": [[8]]}},
            inputs=inputs,
            checkpoint_dir=state,
            training={"checkpoint_every_steps": 1},
            trials=1,
        )
    assert not list(state.iterdir())


def test_a_search_without_one_good_trial_is_refused_in_one_line(search_in):
    with pytest.raises(Failure, match="all 1 trials failed") as refused:
        search_in({"model.parameters.filters": {"choices": ["none"]}}, trials=1)
    assert "\n" not in str(refused.value)
    assert "model.parameters.filters: given 'none'; allowed: a list" in str(refused.value)


def test_a_search_without_a_validation_split_is_refused_in_one_line(search_in, digits):
    inputs = digits.inputs
    inputs["transformed_examples"][0].split_names = '["train"]'
    with pytest.raises(Failure, match="no validation split"):
        search_in(inputs=inputs)


def test_a_search_by_several_workers_is_refused_in_one_line(search_in, monkeypatch):
    cluster = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
    tf_config = {"cluster": cluster, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(tf_config))
    with pytest.raises(Failure, match="TF_CONFIG names 2 workers") as refused:
        search_in()
    assert "\n" not in str(refused.value)
