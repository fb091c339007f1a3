"""Has each model served by a process of its own, and reads its answers and measurements."""

import base64
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tfx.dsl.io import fileio

from components.model_store.model_files import copy_model
from components.serving_check.requests import Requests

MODEL_SERVER = "tensorflow_model_server"
_C_LIBRARY = "TensorFlow C library"
_TIME_BUDGET = 0.3  # seconds of latency measurement a model
_AT_MOST = 300  # seconds before giving up on a model that does not answer
_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "serving_process.py")


@dataclass(frozen=True)
class Task:
    """What a copy of one model is asked."""

    folder: str  # a temporary one, in which the copy is <folder>/model/1
    signatures: Mapping[str, Mapping]  # {name: {"inputs", "outputs": {key: node}, "dtypes"}}
    requests: Requests
    large_batch: int
    time_budget: float = _TIME_BUDGET
    at_most: float = _AT_MOST  # seconds

    @property
    def path(self) -> str:
        return os.path.join(self.folder, "model", "1")

    @property
    def asked(self) -> dict:
        """What `serving_process.interrogate` takes."""
        return {
            "requests": self.requests.texts,
            "corrupt": self.requests.corrupt,
            "large_batch": self.large_batch,
            "time_budget": self.time_budget,
        }


def serve(
    places: Mapping[str, str], requests: Requests, large_batch: int
) -> tuple[str, dict[str, dict]]:
    """(what served, {name: what that model did}).

    TensorFlow Serving's own server is used where it is on PATH, over REST and gRPC, and
    TensorFlow's C library elsewhere. The models are copied first, so that no file beside them
    can help them to load. Each has a process of its own, so that its memory can be measured.

    Returns:
      What a model did: {"protocols": {name: {"answers", "corrupt", "latency"} as
      serving_process.interrogate returns, with arrays}, "memory_bytes"}, or {"error", "at":
      what was asked when it failed}.

    Raises:
      Failure: the server on PATH does not run.
    """
    server, ask = _C_LIBRARY, _on_c_library
    binary = shutil.which(MODEL_SERVER)
    if binary is not None:
        # gRPC and its messages are loaded only when there is a server to talk to.
        from components.serving_check import model_server

        server = f"{MODEL_SERVER} {model_server.version(binary)} over REST and gRPC"
        ask = functools.partial(model_server.ask, binary)
    return server, {
        name: _serve_one(path, requests, large_batch, ask) for name, path in places.items()
    }


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


def _serve_one(path: str, requests: Requests, large_batch: int, ask) -> dict:
    signatures = _signatures(path)
    missing = [name for name in requests.texts if name not in signatures]
    if missing:
        return {"error": f"the model has no such signature, only {sorted(signatures)}",
                "at": f"signature {missing[0]}"}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        task = Task(folder, signatures, requests, large_batch)
        copy_model(path, task.path)
        return ask(task)


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


def _on_c_library(task: Task) -> dict:
    task_in_json = task.asked | {
        "library": tf.sysconfig.get_lib(),
        "path": task.path,
        "signatures": task.signatures,
        "requests": {name: _base64(texts) for name, texts in task.requests.texts.items()},
        "corrupt": {name: _base64([text])[0] for name, text in task.requests.corrupt.items()},
    }
    # It inherits no variable and no folder of this process: none can help it.
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", _SCRIPT],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=task.folder, env=environment,
    )  # fmt: skip
    try:
        out, complaints = process.communicate(json.dumps(task_in_json), timeout=task.at_most)
        error = f"exit code {process.returncode}: {(complaints.strip().splitlines() or [''])[-1]}"
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        error = f"no answer in {task.at_most} s"
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    reported = {key: value for line in lines for key, value in line.items()}  # the last of each
    if "said" not in reported:
        return {"error": reported.get("error", error[:300]), "at": reported.get("at", "starting")}
    said = reported["said"]
    said["answers"] = {
        signature: {name: _arrays(answer) for name, answer in answers.items()}
        for signature, answers in said["answers"].items()
    }
    return {"protocols": {"": said}, "memory_bytes": said["memory_bytes"]}


def _base64(texts) -> list[str]:
    return [base64.b64encode(text).decode() for text in texts]


def _arrays(answer: Mapping) -> dict[str, np.ndarray]:
    return {key: _array(**tensor) for key, tensor in answer.items()}


def _array(dtype: str, shape, data) -> np.ndarray:
    if dtype == "string":
        return np.array([base64.b64decode(text) for text in data], object).reshape(shape)
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
