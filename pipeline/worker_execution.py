"""What a worker of a training does: an execution that the local runner left in a folder."""

from pathlib import Path

from tfx.orchestration.portable import data_types, outputs_utils
from tfx.orchestration.portable.python_executor_operator import PythonExecutorOperator
from tfx.proto.orchestration.executable_spec_pb2 import PythonClassExecutableSpec
from tfx.proto.orchestration.execution_invocation_pb2 import ExecutionInvocation
from tfx.proto.orchestration.execution_result_pb2 import ExecutorOutput

from files import writing
from pipeline.worker_processes import remove_begun

_EXECUTOR, _EXECUTION, _OUTPUT = "executor.pb", "execution.pb", "output.pb"


def hand_over(
    spec: PythonClassExecutableSpec, execution: data_types.ExecutionInfo, folder: Path
) -> None:
    """Leaves an execution of a component in `folder`, for `execute`."""
    writing.write(folder / _EXECUTOR, spec.SerializeToString())
    writing.write(folder / _EXECUTION, execution.to_proto().SerializeToString())


def execute(folder: Path, number: int) -> None:
    """Runs the execution as the worker of this number; the first one leaves its output."""
    spec = PythonClassExecutableSpec.FromString((folder / _EXECUTOR).read_bytes())
    operator = PythonExecutorOperator(spec)  # It imports the types of the artifacts below.
    given = ExecutionInvocation.FromString((folder / _EXECUTION).read_bytes())
    execution = data_types.ExecutionInfo.from_proto(given)
    if number == 0:
        outputs = execution.output_dict.values()
        remove_begun(artifact.uri for several in outputs for artifact in several)
        outputs_utils.make_output_dirs(execution.output_dict)
    output = operator.run_executor(execution)
    if number == 0:
        writing.write(folder / _OUTPUT, output.SerializeToString())


def read_output(folder: Path) -> ExecutorOutput:
    """What the first worker's executor returned."""
    return ExecutorOutput.FromString((folder / _OUTPUT).read_bytes())
