"""Trainer's executor in a process of its own; its task:

`inputs`: the folder of the artifacts, as conftest.Digits has them; `out`: for the outputs;
`properties`: Trainer's; `logical_devices`: how many CPUs TensorFlow is to see; `longest_step`, if
given: for how many seconds workers wait for one that hangs; `before_export`, if given: for how many
seconds the one that writes does not begin. At its end, a training prints how many threads it has
and the hash of its weights: of several workers only one writes them. SIGUSR1 makes it hang, while
TensorFlow's threads go on.
"""

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from components.trainer import executor, workers
from components.trainer.component import Trainer_Executor
from failures import Failure

SPLITS = ["train", "validation", "test"]


def artifact(kind, uri: Path):
    made = kind()
    made.uri = str(uri)
    if kind is standard_artifacts.Examples:
        made.split_names = artifact_utils.encode_split_names(SPLITS)
    return made


def hashed(train):
    def training(*given):
        trained, graph = train(*given)
        weights = b"".join(variable.numpy().tobytes() for variable in trained.model.variables)
        print(f"threads {len(os.listdir('/proc/self/task'))}", flush=True)
        print(f"weights {hashlib.sha256(weights).hexdigest()}", flush=True)
        return trained, graph

    return training


def later(seconds, export):
    def exporting(*given):
        time.sleep(seconds)
        return export(*given)

    return exporting


def main(task: dict) -> None:
    if task["logical_devices"] > 1:
        [cpu] = tf.config.list_physical_devices("CPU")
        one = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(cpu, [one] * task["logical_devices"])
    inputs, out = Path(task["inputs"]), Path(task["out"])
    executor.train = hashed(executor.train)
    executor._export = later(task.get("before_export", 0.0), executor._export)
    signal.signal(signal.SIGUSR1, lambda *_: time.sleep(600))
    workers._LONGEST_STEP = task.get("longest_step", workers._LONGEST_STEP)
    try:
        Trainer_Executor().Do(
            {
                "transformed_examples": [
                    artifact(standard_artifacts.Examples, inputs / "transformed")
                ],
                "transform_graph": [
                    artifact(standard_artifacts.TransformGraph, inputs / "transform_graph")
                ],
                "schema": [artifact(standard_artifacts.Schema, inputs / "schema")],
            },
            {
                "model": [artifact(standard_artifacts.Model, out / "model")],
                "model_run": [artifact(standard_artifacts.ModelRun, out / "model_run")],
            },
            task["properties"],
        )
    except Failure as failure:
        sys.exit(f"Failure: {failure}")
