"""PyTorch's DataLoader and Grain at their best, each in a process of its own.

`python -m benchmarks.input.peers NAME FOLDER` prints images/s. Start-up is not counted for
them: the clock runs from the first batch on. Nothing here imports TensorFlow.
"""

import itertools
import os
import resource
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.input.photographs import BATCH, SHAPE, Photographs, load

_SECONDS = 3.0  # of measuring in RAM
_ROOT = Path(__file__).resolve().parents[2]


def _decode(file: str) -> np.ndarray:
    from PIL import Image

    with Image.open(file) as image:
        image.draft("RGB", SHAPE[:2])  # Lets the JPEG decoder shrink where it does no harm.
        resized = image.convert("RGB").resize(SHAPE[1::-1], Image.Resampling.BILINEAR)
        return np.asarray(resized)  # (height, width, 3) uint8


class _TorchFiles:
    def __init__(self, files: list[str]):
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> np.ndarray:
        return _decode(self._files[number])


class _TorchRows:
    """Batches at once: __getitems__ is DataLoader's quickest way."""

    def __init__(self, rows):
        self._rows = rows  # (images, height, width, 3) uint8

    def __len__(self) -> int:
        return len(self._rows)

    def __getitems__(self, numbers: list[int]):
        import torch

        return self._rows[torch.tensor(numbers)]


def torch_first(files: list[str]):
    """Worker processes decode with Pillow; uint8."""
    import torch

    loader = torch.utils.data.DataLoader(
        _TorchFiles(files),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=os.cpu_count(),
        collate_fn=lambda images: torch.from_numpy(np.stack(images)),
        prefetch_factor=4,
    )
    return iter(loader)


def torch_later(files: list[str]):
    import torch

    loader = torch.utils.data.DataLoader(
        _TorchRows(torch.from_numpy(_rows(files))),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        collate_fn=lambda rows: rows,
    )
    return itertools.chain.from_iterable(itertools.repeat(loader))


def grain_first(files: list[str]):
    import grain

    dataset = (
        grain.MapDataset.source(files)
        .shuffle(seed=1)
        .map(_decode)
        .batch(BATCH, drop_remainder=True)
    )
    return iter(dataset.to_iter_dataset(_threads()))


def grain_later(files: list[str]):
    """Numbers are shuffled and batched, and each batch is one NumPy indexing."""
    import grain

    rows = _rows(files)
    numbers = (
        grain.MapDataset.range(len(rows)).shuffle(seed=1).repeat().batch(BATCH, drop_remainder=True)
    )
    return iter(numbers.map(lambda batch: rows[batch]).to_iter_dataset(_threads()))


def _threads():
    import grain

    return grain.ReadOptions(num_threads=os.cpu_count(), prefetch_buffer_size=16)


def _rows(files: list[str]) -> np.ndarray:
    return np.stack([_decode(file) for file in files])


PEERS = {
    "PyTorch DataLoader, Pillow, uint8, loose files": ("first", torch_first),
    "Grain, Pillow, uint8, loose files": ("first", grain_first),
    "PyTorch __getitems__, uint8 in RAM": ("later", torch_later),
    "Grain, uint8 in RAM, whole batches indexed": ("later", grain_later),
}


def installed() -> dict:
    """The PEERS whose package is here: `make bench` installs both."""
    packages = {"PyTorch": "torch", "Grain": "grain"}
    return {n: peer for n, peer in PEERS.items() if find_spec(packages[n.split()[0].strip(",")])}


def measure(name: str, photographs: Photographs) -> tuple[float, float]:
    """Images per second and per core-second of one peer in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.input.peers", name, str(photographs.folder)]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    per_second, per_core_second = map(float, done.stdout.split()[-2:])
    return per_second, per_core_second


def main(name: str, folder: str) -> None:
    kind, build = PEERS[name]
    files = load(Path(folder)).loose
    batches = build(files)
    for _ in range(1 if kind == "first" else len(files) // BATCH):
        next(batches)
    start, worked, images = time.perf_counter(), _core_seconds(), 0
    for batch in batches:
        images += len(batch)
        if kind == "later" and time.perf_counter() - start > _SECONDS:
            break
    seconds = time.perf_counter() - start
    del batches  # Worker processes count once they have ended.
    print(images / seconds, images / (_core_seconds() - worked))


def _core_seconds() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
