"""What the machine itself can do, on the same data."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.input.photographs import BATCH, SHAPE, Photographs

_SECONDS = 1.5
DECODE = "limit: libjpeg-turbo full decode, all cores at once"
MEMCPY = "limit: memcpy of a batch, one core"


def decode(photographs: Photographs) -> tuple[float, float]:
    """Images per second, and per second of one core's time."""
    import simplejpeg

    jpegs = photographs.jpegs()
    cores = os.cpu_count()
    with ThreadPoolExecutor(cores) as pool:  # The decoder leaves Python's lock.
        rates = pool.map(lambda _: _rate(simplejpeg.decode_jpeg, jpegs), range(cores))
        rate = sum(rates)
    return rate, rate / cores


def memcpy(_: Photographs) -> tuple[float, float]:
    """From an array of many batches, so that the processor's cache does not hold it."""
    source = np.ones((32, BATCH, *SHAPE), np.uint8)
    target = np.empty_like(source[0])
    rate = BATCH * _rate(lambda batch: np.copyto(target, batch), source)
    return rate, rate


def _rate(work: Callable, items) -> float:
    """How many items a second."""
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < _SECONDS:
        work(items[done % len(items)])
        done += 1
    return done / (time.perf_counter() - start)
