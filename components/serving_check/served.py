"""Has models served by a fresh process, and reads what it measured."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tfx.dsl.io import fileio

from components.model_store.copying import copy_model

_TIME_BUDGET = 0.3  # seconds of latency measurement a model
_AT_MOST = 300  # seconds until a model that does not answer is given up
_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "serving_process.py")


def serve(
    places: Mapping[str, str], asked: Mapping[str, Sequence[bytes]], large_batch: int
) -> dict[str, dict]:
    """What each model answered; see `serving_process._serve`.

    The models are copied first: nothing that lies beside them can help them to load. Each
    gets a process of its own, so that its memory is its own.

    Args:
      places: name to the SavedModel's folder.
      asked: requests by signature; a model is asked only what it has signatures for.
      large_batch: requests in the largest batch.
    """
    return {name: _serve_one(path, asked, large_batch) for name, path in places.items()}


def _serve_one(path: str, asked, large_batch: int) -> dict:
    signatures = _signatures(path)
    missing = [name for name in asked if name not in signatures]
    if missing:
        return {"error": f"the model has no such signature, only {sorted(signatures)}",
                "at": f"signature {missing[0]}"}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        copy_model(path, os.path.join(folder, "model"))
        task = {
            "library": tf.sysconfig.get_lib(),
            "large_batch": large_batch,
            "time_budget": _TIME_BUDGET,
            "models": [
                {
                    "name": "model",
                    "path": os.path.join(folder, "model"),
                    "signatures": signatures,
                    "requests": {
                        name: [base64.b64encode(text).decode() for text in texts]
                        for name, texts in asked.items()
                    },
                }
            ],
        }
        return _run(task, folder)


def _run(task: dict, folder: str) -> dict:
    # No variable and no folder of this process reaches it, so none can help it.
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", _SCRIPT],
            input=json.dumps(task), capture_output=True, text=True, cwd=folder, env=environment,
            timeout=_AT_MOST, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {_AT_MOST} s", "at": "a request"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [""]
        return {"error": f"exit code {done.returncode}: {last[0][:200]}", "at": "serving"}
    return json.loads(done.stdout.strip().splitlines()[-1])["model"]


def _signatures(path: str) -> dict:
    saved = saved_model_pb2.SavedModel()
    with fileio.open(os.path.join(path, "saved_model.pb"), "rb") as file:
        saved.ParseFromString(file.read())
    return {
        name: {
            "inputs": {key: info.name for key, info in definition.inputs.items()},
            "outputs": {key: info.name for key, info in definition.outputs.items()},
        }
        for name, definition in saved.meta_graphs[0].signature_def.items()
        if not name.startswith("__")
    }


def figures(result: Mapping) -> dict:
    """{"p50_ms", "p99_ms", "requests", "memory_mb"} of a result; empty where it failed."""
    if "error" in result:
        return {}
    latency = 1000 * np.array(result["latency"])
    return {
        "p50_ms": float(np.percentile(latency, 50)),
        "p99_ms": float(np.percentile(latency, 99)),
        "requests": len(latency),
        "memory_mb": result["memory_bytes"] / 2**20,
    }
