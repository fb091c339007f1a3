"""The machine, and how quickly it copies a batch to the accelerator."""

import importlib.util
import os
import platform
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from components.usable_cores import usable_cores

_BATCH = (256, 224, 224, 3)


def facts() -> dict:
    """Names and versions."""
    gpus = tf.config.list_physical_devices("GPU")
    build = tf.sysconfig.get_build_info()
    return {
        "gpus": [tf.config.experimental.get_device_details(gpu)["device_name"] for gpu in gpus],
        "cores": usable_cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "cuda_of_tensorflow": build.get("cuda_version"),
        "cudnn_of_tensorflow": build.get("cudnn_version"),
    }


def transfers() -> dict[str, float]:
    """GB/s of copies of a batch of 256 images of 224x224x3 to the first GPU.

    PyTorch, where it is installed, is the measure of what the bus allows.
    """
    if not tf.config.list_physical_devices("GPU"):
        return {}
    found = {"tf.data, as the Trainer copies": _gigabytes(_by_dataset())}
    if importlib.util.find_spec("torch"):
        found["torch, pageable"] = _gigabytes(_by_torch(pinned=False))
        found["torch, pinned"] = _gigabytes(_by_torch(pinned=True))
    return found


def _pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, _BATCH, np.uint8)


def _by_dataset() -> Callable[[], None]:
    dataset = tf.data.Dataset.from_tensors(_pixels()).repeat().prefetch(2)
    copied = iter(dataset.apply(tf.data.experimental.prefetch_to_device("/gpu:0", 2)))

    def copy() -> None:
        next(copied)
        tf.test.experimental.sync_devices()

    return copy


def _by_torch(pinned: bool) -> Callable[[], None]:
    import torch

    batch = torch.from_numpy(_pixels())
    batch = batch.pin_memory() if pinned else batch

    def copy() -> None:
        batch.to("cuda", non_blocking=True)
        torch.cuda.synchronize()

    return copy


def _gigabytes(copy: Callable[[], None], seconds: float = 1.0) -> float:
    for _ in range(5):
        copy()
    began, copies = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        copy()
        copies += 1
    return copies * float(np.prod(_BATCH)) / (time.perf_counter() - began) / 1e9
