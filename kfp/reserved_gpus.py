"""Whether a step can compute on the GPUs that it reserves.

In an image for CPUs, TensorFlow trains without a word, many times slower, while the GPU that the
pod reserves costs money.
"""

import os
import subprocess
import sys

from failures import Failure
from kfp.launcher_paths import ROOT_VARIABLE

GPUS = "STEADYFEED_GPUS"  # how many a pod reserves
_LOOKING = """
import tensorflow as tf
print(int(tf.test.is_built_with_gpu_support()), len(tf.config.list_physical_devices("GPU")))
"""


def variable(gpus: int) -> dict[str, str]:
    """The environment variable that tells a pod how many GPUs it reserves; none without GPUs."""
    return {GPUS: str(gpus)} if gpus else {}


def check_reserved_gpus(component: str) -> None:
    """Refuses a pod that reserves GPUs and in which TensorFlow sees none.

    Where a cluster shares a GPU out in slices of time, several reserved ones may be a single one.

    Args:
      component: the id by which `kubeflow.steps` names the step.

    Raises:
      Failure: TensorFlow sees none.
    """
    reserved = int(os.environ.get(GPUS, "0"))
    if not reserved or ROOT_VARIABLE in os.environ:  # `run-package` reserves nothing.
        return
    # By a process of its own: this one may only wait, and would hold memory of every GPU.
    done = subprocess.run([sys.executable, "-c", _LOOKING], capture_output=True, check=False)
    if done.returncode:
        return  # The step is about to meet the cause, and its log will have it.
    for_gpus, seen = map(int, done.stdout.split()[-2:])
    if not seen:
        raise Failure(_sees_none(component, reserved, bool(for_gpus)))


def _sees_none(component: str, reserved: int, for_gpus: bool) -> str:
    found = (
        f"kubeflow.steps.{component}.gpu: the pod reserves {reserved} "
        f"GPU{'s' * (reserved > 1)}, and TensorFlow sees none"
    )
    if for_gpus:
        return (
            f"{found}. Check that the image has CUDA's libraries, as that of `make image "
            "ACCELERATOR=gpu`, the node a driver, and that CUDA_VISIBLE_DEVICES hides none."
        )
    return (
        f"{found}, as the image has TensorFlow for CPUs. Name in kubeflow.steps.{component}.image "
        "an image built on that of `make image ACCELERATOR=gpu` (docs/own_code.md)."
    )
