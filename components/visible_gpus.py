"""Which GPUs a process may use, for whoever shares them out among processes."""

from collections.abc import Mapping
from pathlib import Path


def visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """Their names as CUDA_VISIBLE_DEVICES takes them; asks neither CUDA nor TensorFlow."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name not in ("", "-1")]
    files = Path("/dev").glob("nvidia[0-9]*")
    return sorted((file.name.removeprefix("nvidia") for file in files), key=int)
