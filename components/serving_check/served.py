"""Has each model served by a process of its own, and reads its answers and measurements."""

import contextlib
import functools
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tfx.dsl.io import fileio

from components.child_environment import child_environment
from components.images_at_once import images_at_once
from components.model_store.model_files import copy_model
from components.serving_check import ending, serving_process
from components.serving_check.requests import CLASSIFY, Ask, Requests, interrogate
from components.serving_check.serving_process import ServingError
from failures import SurroundingsFailure

CHALLENGER = "challenger"  # the name of the model that is judged
MODEL_SERVER = "tensorflow_model_server"
_C_LIBRARY = "TensorFlow C library"
_AT_MOST = 300  # seconds before giving up on a model that does not answer
_log = logging.getLogger(__name__)


def serve(
    places: Mapping[str, str], requests: Requests, large_batch: int, task: str
) -> tuple[str, dict[str, dict]]:
    """(what served, {name: what that model did}).

    TensorFlow Serving's own server is used where it is on PATH, over REST and gRPC, and
    TensorFlow's C library elsewhere. The models are copied first, so that no file beside them
    can help them to load. Each has a process of its own, so that its memory can be measured.

    Args:
      large_batch: requests in the large batch; a model of large images gets fewer, but several.
      task: of all models.

    Returns:
      What a model did: {"protocols": {name: what `interrogate` returns}, "memory_bytes"}, or
      {"error", "at": what was asked when it failed}.

    Raises:
      Failure: the server on PATH does not run, or what serves the challenger does not start or is
        killed.
    """
    server, running = _C_LIBRARY, _on_c_library
    binary = shutil.which(MODEL_SERVER)
    if binary is not None:
        # gRPC and its messages are loaded only when there is a server to talk to.
        from components.serving_check import model_server

        server = f"{MODEL_SERVER} {model_server.version(binary)} over REST and gRPC"
        running = functools.partial(model_server.running, binary, _AT_MOST)
    done = {}
    for name, path in places.items():
        try:
            done[name] = _serve_one(path, requests, _fitting(path, task, large_batch), running)
        except ending.Killed as killed:
            if name == CHALLENGER:
                raise
            # A smaller challenger is to take the place of a champion that is too large.
            _log.warning("%s was not measured: %s", name, killed)
            done[name] = {"error": str(killed), "at": "serving"}
    return server, done


def figures(result: Mapping) -> dict:
    """{"p50_ms", "p99_ms", "requests", "memory_mb"} of a result; empty where it failed.

    With several protocols, the latency is that of the slowest, and "protocols" has
    each one's.
    """
    if "error" in result:
        return {}
    each = {name: _latency(said["latency"]) for name, said in result["protocols"].items()}
    slowest = max(each.values(), key=lambda latency: latency["p99_ms"])
    apart = {"protocols": each} if len(each) > 1 else {}
    return slowest | {"memory_mb": result["memory_bytes"] / 2**20} | apart


def _latency(seconds) -> dict:
    milliseconds = 1000 * np.array(seconds)
    return {
        "p50_ms": float(np.percentile(milliseconds, 50)),
        "p99_ms": float(np.percentile(milliseconds, 99)),
        "requests": len(milliseconds),
    }


def _fitting(path: str, task: str, large_batch: int) -> int:
    # A batch of one image would not tell whether the model serves batches.
    return min(large_batch, max(2, images_at_once(path, task) or large_batch))


def _serve_one(path: str, requests: Requests, large_batch: int, running) -> dict:
    signatures = _signatures(path)
    missing = [name for name in requests.texts if name not in signatures]
    if missing:
        return {"error": f"the model has no such signature, only {sorted(signatures)}",
                "at": f"signature {missing[0]}"}  # fmt: skip
    asked = ["loading"]
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "model", "1")
        copy_model(path, copy)
        try:
            with running(copy, signatures) as (pid, protocols):
                said = {
                    name: interrogate(ask, _sent_over(name, requests), large_batch, asked.append)
                    for name, ask in protocols.items()
                }
                return {"protocols": said, "memory_bytes": _peak_memory(pid)}
        except ServingError as error:
            return {"error": str(error), "at": asked[-1]}


def _sent_over(protocol: str, requests: Requests) -> Requests:
    if protocol != "REST":
        return requests
    # JSON carries text only, not pixels.
    return requests._replace(texts={name: requests.texts[name] for name in CLASSIFY})


def _signatures(path: str) -> dict:
    saved = saved_model_pb2.SavedModel()
    with fileio.open(os.path.join(path, "saved_model.pb"), "rb") as file:
        saved.ParseFromString(file.read())
    return {
        name: {
            "inputs": {key: info.name for key, info in definition.inputs.items()},
            "outputs": {key: info.name for key, info in definition.outputs.items()},
            "dtypes": {key: info.dtype for key, info in definition.outputs.items()},
        }
        for name, definition in saved.meta_graphs[0].signature_def.items()
        if not name.startswith("__")
    }


@contextlib.contextmanager
def _on_c_library(path: str, signatures: Mapping) -> Iterator[tuple[int, dict[str, Ask]]]:
    """(process id, {"": what asks the model}) of a process that has loaded the model."""
    # It inherits no folder of this process, and no variable but the one without which some
    # interpreters find no libpython: none can help it.
    libraries = child_environment().get("LD_LIBRARY_PATH")
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    environment |= {"LD_LIBRARY_PATH": libraries} if libraries else {}
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as complaints, Connection(ours.detach()) as connection:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", serving_process.__file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaints,
                cwd=os.path.dirname(path), env=environment, pass_fds=[theirs.fileno()],
            )  # fmt: skip

        def asked(*message):
            try:
                connection.send(message)
                if not connection.poll(_AT_MOST):
                    raise ServingError(f"no answer in {_AT_MOST} s")
                answer = connection.recv()
            except (EOFError, OSError) as error:
                raise ending.cause(process, complaints) from error
            if isinstance(answer, str):
                raise ServingError(answer)
            return {key: _array(*tensor) for key, tensor in answer.items()}

        try:
            _start(asked)
            asked(path, signatures)
            yield process.pid, {"": asked}
        finally:
            process.kill()
            process.wait()


def _start(asked) -> None:
    """Waits until the library is loaded: no failure before is one of the model."""
    try:
        asked(tf.sysconfig.get_lib())
    except ServingError as error:
        raise SurroundingsFailure(
            f"ServingCheck: the process that serves the model does not start: {error}. Mend this, "
            "or switch serving.check off, then run again."
        ) from error


def _array(dtype: str, shape, data) -> np.ndarray:
    if dtype == "object":
        return np.array(data, object).reshape(shape)
    return np.frombuffer(data, dtype).reshape(shape)


def _peak_memory(pid: int) -> int:
    """Bytes, by the kernel's account of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        [kib] = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    return int(kib) * 1024
