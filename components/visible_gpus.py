"""Which GPUs a process may use, to be divided among processes."""

import itertools
from collections.abc import Mapping
from pathlib import Path


def visible_gpus(environment: Mapping[str, str], device_files: Path = Path("/dev")) -> list[str]:
    """Their names as CUDA_VISIBLE_DEVICES takes them; asks neither CUDA nor TensorFlow."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = (name.strip() for name in visible.split(","))
        # CUDA looks no further than the first name that is not a GPU's.
        return list(itertools.takewhile(lambda name: name not in ("", "-1"), names))
    # A container's files keep the numbers of the whole machine, but CUDA counts from 0 in it.
    return [str(number) for number, _ in enumerate(device_files.glob("nvidia[0-9]*"))]
