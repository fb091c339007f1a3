"""Stand in for TFX's own operator where a component, or the one after it, is several processes."""

import functools
import os
import sys
import tempfile
from pathlib import Path

from tfx.orchestration.portable import base_executor_operator, python_executor_operator
from tfx.proto.orchestration import executable_spec_pb2

from components.tuner.trials import LEAVE_GPUS
from pipeline.worker_execution import hand_over, read_output
from pipeline.worker_processes import run_together


def operators_of(workers, log_of):
    """{a component's id: what makes its operator}, where workers train; see `WorkersOperator`."""
    trainer = functools.partial(WorkersOperator, workers=workers, log_of=log_of)
    return {"Trainer": trainer, "Tuner": BeforeWorkersOperator}


class WorkersOperator(base_executor_operator.BaseExecutorOperator):
    """Runs a component's execution as workers that train together.

    Args:
      workers: a settings.workers.Workers.
      log_of: maps a worker's number to the Path of its log.
    """

    SUPPORTED_EXECUTOR_SPEC_TYPE = [executable_spec_pb2.PythonClassExecutableSpec]
    SUPPORTED_PLATFORM_CONFIG_TYPE = []

    def __init__(self, executor_spec, platform_config=None, *, workers, log_of):
        super().__init__(executor_spec, platform_config)
        self._workers = workers
        self._log_of = log_of

    def run_executor(self, execution_info):
        """The first worker's output. Raises: Failure."""
        with tempfile.TemporaryDirectory(prefix="workers-") as name:
            folder = Path(name)
            hand_over(self._executor_spec, execution_info, folder)
            command = [sys.executable, "-m", "pipeline.worker", name]
            run_together(command, self._workers, folder, self._log_of)
            return read_output(folder)


class BeforeWorkersOperator(python_executor_operator.PythonExecutorOperator):
    """Runs a search in this process and its trials so that the GPUs' memory is free afterwards."""

    def run_executor(self, execution_info):
        os.environ[LEAVE_GPUS] = "1"
        try:
            return super().run_executor(execution_info)
        finally:
            del os.environ[LEAVE_GPUS]
