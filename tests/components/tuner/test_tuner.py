"""Tuner: a search with Trainer's own training, and Trainer with what it found."""

import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration.executable_spec_pb2 import PythonClassExecutableSpec
from tfx.types import standard_artifacts

from components.tuner import trials
from components.tuner.reading import read_trials
from failures import Failure, SurroundingsFailure
from pipeline.workers_operator import operators_of
from settings.workers import Workers
from tests.components.trainer.conftest import LINEAR
from tests.components.tuner.conftest import best, results
from tests.processes import forking

pytestmark = pytest.mark.slow


def test_the_better_of_two_learning_rates_is_found(found):
    assert best(found) == {"training.learning_rate": 0.01}
    better, worse = results(found)
    assert better["score"] < 0.95 * worse["score"]
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


def test_a_lone_trial_leaves_the_gpus_to_the_workers_that_train_after_it(
    search_in, tmp_path, monkeypatch
):
    processes = forking(anew=lambda number: False)
    monkeypatch.setattr(trials, "subprocess", processes)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    operators = operators_of(Workers(workers=2), log_of=lambda number: tmp_path / f"{number}.log")
    executor = "components.tuner.component.Tuner_Executor"
    operator = operators["Tuner"](PythonClassExecutableSpec(class_path=executor))

    def do(inputs, outputs, properties):
        places = {"execution_output_uri": str(tmp_path / "output.pb"), "tmp_dir": str(tmp_path)}
        operator.run_executor(ExecutionInfo(
            input_dict=inputs, output_dict=outputs, exec_properties=properties, **places
        ))  # fmt: skip

    search_in(trials=1, do=do, training={"model": LINEAR})
    assert [process.returncode for process in processes.started] == [0]
    assert trials.LEAVE_GPUS not in os.environ


FITS_ALONE = """
    import os
    import time
    from pathlib import Path

    import tensorflow as tf
    from keras import layers

    def network(pixels, classes):
        folder = Path(os.environ["TRIALS_OF_THIS_TEST"])
        (folder / str(os.getpid())).touch()
        while len(list(folder.iterdir())) < 2:
            time.sleep(0.01)
        others = [name for name in os.listdir(folder) if name != str(os.getpid())]
        if any(os.path.exists(f"/proc/{other}") for other in others):
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return layers.Dense(classes)(layers.Flatten()(pixels))
"""


def test_a_trial_that_does_not_fit_beside_another_on_their_gpu_is_tried_again_alone(
    search_in, kit, tmp_path, monkeypatch
):
    monkeypatch.setattr(trials, "subprocess", forking(anew=lambda number: False))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("TRIALS_OF_THIS_TEST", str(tmp_path / "trials"))
    (tmp_path / "trials").mkdir()
    network = {"name": f"{kit(FITS_ALONE)}:network"}
    found = search_in(parallel_trials=2, training={"model": network})
    assert len(results(found)) == 2


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
    """A search by hyperband, which gives its first trials one epoch, over values of every kind."""
    return search_in(trials=4, epochs=3, algorithm="hyperband", search_space={
        "augmentation.rotate": {"min": 0, "max": 9},
        "model.parameters.dropout": {"min": 0, "max": 1},
        "model.parameters.filters": {"choices": [[4, 8], [8, 16]]},
        "training.learning_rate": {"min": 1, "max": 2},
        "training.batch_size": {"min": 8, "max": 32},
    })  # fmt: skip


def test_a_trial_trains_for_as_long_as_hyperband_says(of_many_kinds):
    said = {one["trial_id"]: one["tuner/epochs"] for one in results(of_many_kinds)}
    trials = read_trials(Path(of_many_kinds["tuner_results"][0].uri))
    assert {trial.name: len(trial.history.epochs) for trial in trials} == said
    assert sorted(said.values()) == [1, 1, 1, 3]
    assert not any(key.startswith("tuner/") for key in best(of_many_kinds))


def test_between_two_whole_numbers_there_are_fractions_where_the_key_takes_them(of_many_kinds):
    assert {key: type(value) for key, value in best(of_many_kinds).items()} == {
        "augmentation.rotate": float,
        "model.parameters.dropout": float,
        "model.parameters.filters": list,
        "training.learning_rate": float,
        "training.batch_size": int,
    }


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
