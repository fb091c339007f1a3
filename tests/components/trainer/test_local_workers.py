"""`training.workers` on one machine: a worker is killed, and the training ends as if none were."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tfx.orchestration.portable import data_types, outputs_utils
from tfx.proto.orchestration.executable_spec_pb2 import PythonClassExecutableSpec

from components.trainer.checkpoints import Checkpoints
from pipeline import worker_processes
from pipeline.workers_operator import WorkersOperator
from settings.workers import Workers
from tests.components.trainer.conftest import LINEAR
from tests.processes import forking, wait_for

EXECUTOR = "components.trainer.component.Trainer_Executor"


@pytest.fixture
def start(digits, make_artifact, make_properties, tmp_path):
    """Starts two workers as the local runner does; gives the future of their outputs."""
    from tfx.types import standard_artifacts

    def starting(**properties):
        outputs = {
            "model": [make_artifact(standard_artifacts.Model, tmp_path / "model")],
            "model_run": [make_artifact(standard_artifacts.ModelRun, tmp_path / "model_run")],
        }
        outputs_utils.make_output_dirs(outputs)
        execution = data_types.ExecutionInfo(
            input_dict=digits.inputs,
            output_dict=outputs,
            exec_properties=make_properties(checkpoint_dir=tmp_path / "checkpoints", **properties),
            execution_output_uri=str(tmp_path / "executor_output.pb"),
            tmp_dir=str(tmp_path / "tmp"),
            stateful_working_dir=str(tmp_path / "state"),
        )
        operator = WorkersOperator(
            PythonClassExecutableSpec(class_path=EXECUTOR),
            workers=Workers(workers=2),
            log_of=lambda number: tmp_path / f"worker-{number}.log",
        )
        return threads.submit(operator.run_executor, execution)

    with ThreadPoolExecutor() as threads:
        yield starting


@pytest.fixture
def workers(monkeypatch):
    """The workers that were started, in order; one that starts again imports anew."""
    stand_in = forking(anew=lambda number: number == 3)
    monkeypatch.setattr(worker_processes, "subprocess", stand_in)
    return stand_in.started


@pytest.mark.slow
def test_a_worker_is_killed_and_the_training_goes_on_from_the_checkpoint(
    start, workers, losses_in_fours, tmp_path
):
    # 60 steps an epoch: the first checkpoint is due by the clock.
    training = start(model=LINEAR, batch_size=4, epochs=2, checkpoint_every_seconds=0.001)
    wait_for(lambda: training.done() or list(tmp_path.glob("checkpoints/*/checkpoint")), 300)
    assert not training.done(), training.result()
    [folder] = (tmp_path / "checkpoints").iterdir()
    reached = Checkpoints(str(folder), None, 1).read().step
    workers[1].kill()
    output = training.result(300)
    history = json.loads((tmp_path / "model_run" / "history.json").read_text())
    assert 0 < reached < 2 * 60
    assert history["resumed_at_step"] >= reached
    assert [worker.returncode for worker in workers[1:]] == [-signal.SIGKILL, 0, 0]
    assert history["devices"] == "2 CPUs, 2 workers, float32"
    [model] = output.output_artifacts["model"].artifacts
    assert "in 2 epochs" in model.custom_properties["summary"].string_value
    losses = [epoch["loss"] for epoch in history["epochs"]]
    np.testing.assert_allclose(losses, losses_in_fours, rtol=1e-3, atol=1e-5)
    assert (tmp_path / "model" / "Format-Serving" / "saved_model.pb").exists()
    assert not list((tmp_path / "checkpoints").iterdir())
