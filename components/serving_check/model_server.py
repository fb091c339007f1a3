"""Asks TensorFlow Serving's own server, `tensorflow_model_server`, over REST and gRPC."""

import base64
import contextlib
import functools
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from components.child_environment import child_environment
from components.free_ports import free_ports
from components.serving_check import ending
from components.serving_check.requests import Ask
from components.serving_check.serving_process import ServingError
from failures import Failure
from files.strict_json import text_of

_HOST = "127.0.0.1"
_NAME = "model"
_POLL = 0.02  # seconds
# The kernel ends the server when this process dies, however it dies; only Linux can.
_BOUND = (
    "import contextlib, ctypes, os, sys\n"
    "with contextlib.suppress(AttributeError): ctypes.CDLL(None).prctl(1, 9)\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
)


def version(binary: str) -> str:
    """The server's version.

    Raises:
      Failure: it does not run.
    """
    try:
        done = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=child_environment(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Failure(
            f"ServingCheck: {binary} does not run: {error}. Repair it, or take it off PATH to "
            "check with TensorFlow's C library."
        ) from error
    first = (done.stdout or done.stderr).strip().splitlines()[:1] or ["unknown"]
    return first[0].rpartition(" ")[-1]


@contextlib.contextmanager
def running(
    binary: str, at_most: float, path: str, signatures: Mapping
) -> Iterator[tuple[int, dict[str, Ask]]]:
    """(process id, {protocol: what asks the model}) of a server that has loaded the model.

    Args:
      at_most: seconds before giving up on an answer.
      path: of the SavedModel, `<folder of versions>/1`.
    """
    port, rest_port = free_ports(2)
    command = [
        binary, f"--port={port}", f"--rest_api_port={rest_port}", f"--model_name={_NAME}",
        f"--model_base_path={os.path.dirname(path)}", "--max_num_load_retries=0",
    ]  # fmt: skip
    environment = child_environment() | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    with contextlib.ExitStack() as held:
        complaints = held.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOUND, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaints,
            cwd=os.path.dirname(path), env=environment, start_new_session=True,
        )  # fmt: skip
        held.callback(_end, process)
        rest = http.client.HTTPConnection(_HOST, rest_port, timeout=at_most)
        held.callback(rest.close)
        _wait(process, rest, complaints, time.monotonic() + at_most)
        channel = held.enter_context(grpc.insecure_channel(f"{_HOST}:{port}", options=_OPTIONS))
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        calls = {
            "gRPC": functools.partial(_over_grpc, stub, at_most),
            "REST": functools.partial(_over_rest, rest),
        }
        asks = {name: functools.partial(_asked, call, signatures) for name, call in calls.items()}
        try:
            yield process.pid, asks
        except ServingError:
            if process.poll() == -signal.SIGKILL:  # The answer that is missing says less.
                raise ending.cause(process, complaints) from None
            raise


def _asked(call, signatures, signature, texts, keep) -> dict[str, np.ndarray]:
    answers = call(signature, signatures[signature], texts)
    for key, array in answers.items():
        if array.shape[:1] != (len(texts),):
            raise ServingError(f"{key} has the shape {list(array.shape)} for {len(texts)} requests")
    return {key: array[-keep:] for key, array in answers.items()}


def _over_grpc(stub, at_most, signature, described, texts) -> dict[str, np.ndarray]:
    [fed] = described["inputs"]
    request = predict_pb2.PredictRequest()
    request.model_spec.name = _NAME
    request.model_spec.signature_name = signature
    request.inputs[fed].CopyFrom(tf.make_tensor_proto(list(texts), tf.string, [len(texts)]))
    try:
        response = stub.Predict(request, timeout=at_most)
    except grpc.RpcError as error:
        raise ServingError(f"{error.code().name}: {error.details()}") from error
    return {key: tf.make_ndarray(tensor) for key, tensor in response.outputs.items()}


def _over_rest(rest, signature, described, texts) -> dict[str, np.ndarray]:
    [fed], dtypes = described["inputs"], described["dtypes"]
    encoded = [{"b64": base64.b64encode(text).decode()} for text in texts]
    body = text_of({"signature_name": signature, "inputs": {fed: encoded}})
    outputs = _json(rest, "POST", f"/v1/models/{_NAME}:predict", body)["outputs"]
    if len(dtypes) == 1:  # A single output comes without its name.
        outputs = dict.fromkeys(dtypes, outputs)
    return {key: _array(values, dtypes[key]) for key, values in outputs.items()}


def _array(values, dtype: int) -> np.ndarray:
    if dtype == tf.string.as_datatype_enum:
        return np.array(_encoded(values), object)
    return np.array(values, tf.dtypes.as_dtype(dtype).as_numpy_dtype)


def _encoded(text: str | list) -> bytes | list:
    """The bytes of a text or, at any depth, of each text of a list."""
    return [_encoded(one) for one in text] if isinstance(text, list) else text.encode("latin-1")


def _json(rest: http.client.HTTPConnection, method: str, path: str, body: str | None = None):
    try:
        rest.request(method, path, body)
        answer = rest.getresponse()
        # The server writes a string's bytes as they are, whether they are UTF-8 or not.
        content = json.loads(answer.read().decode("latin-1"), strict=False)
    except (OSError, ValueError, http.client.HTTPException) as error:
        rest.close()
        raise ServingError(f"no answer over REST: {error!r}") from error
    if answer.status != 200:
        raise ServingError(f"HTTP {answer.status}: {content.get('error', content)}")
    return content


def _wait(process, rest, complaints, until: float) -> None:
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ending.cause(process, complaints)
        for loaded in _status(rest):
            if loaded["state"] == "AVAILABLE":
                return
            if loaded["state"] == "END":
                cause = loaded["status"].get("error_message")
                raise ServingError(cause or "the server gave up on the model")
        time.sleep(_POLL)
    raise ServingError("the server did not load the model in time")


def _status(rest) -> list[dict]:
    try:
        return _json(rest, "GET", f"/v1/models/{_NAME}")["model_version_status"]
    except ServingError:
        return []  # It is not listening yet, or has not found the model yet.


def _end(process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
