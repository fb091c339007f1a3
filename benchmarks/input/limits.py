"""What the machine itself can do, on the same data."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.input.photographs import BATCH, SHAPE, Photographs

_SECONDS = 1.5
FULL_DECODE = "limit: libjpeg-turbo full decode, one core"
FULL_DECODE_EVERYWHERE = "limit: libjpeg-turbo full decode, all cores at once"
MEMCPY = "limit: memcpy of a batch, one core"
NOT_ROOT = "the page cache can be dropped by root alone"
READING = "limit: plain sequential reading, page cache dropped"


def limits(photographs: Photographs) -> dict[str, Callable[[], tuple[float, float] | str]]:
    """Each limit's name and a function that measures it, in images/s, or says why not."""
    import simplejpeg

    jpegs = photographs.jpegs()
    height, width, _ = SHAPE
    return {
        FULL_DECODE: lambda: _rate(simplejpeg.decode_jpeg, jpegs),
        FULL_DECODE_EVERYWHERE: lambda: _everywhere(simplejpeg.decode_jpeg, jpegs),
        "limit: libjpeg-turbo scaled decode, one core": lambda: _rate(
            lambda jpeg: simplejpeg.decode_jpeg(
                jpeg, min_height=height, min_width=width, min_factor=1
            ),
            jpegs,
        ),
        MEMCPY: _memcpy,
        READING: lambda: _sequential(photographs),
    }


def _rate(work: Callable, items: list, images: int = 1) -> tuple[float, float]:
    """Images per second and per core-second."""
    start, worked, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < _SECONDS:
        work(items[done % len(items)])
        done += images
    return done / (time.perf_counter() - start), done / (time.process_time() - worked)


def _everywhere(work: Callable, items: list) -> tuple[float, float]:
    """As `_rate`, on every core at the same time; for work that leaves Python's lock."""
    cores = os.cpu_count()
    with ThreadPoolExecutor(cores) as pool:
        rate = sum(pool.map(lambda _: _rate(work, items)[0], range(cores)))
    return rate, rate / cores


def _memcpy() -> tuple[float, float]:
    """From an array of many batches, so that the processor's cache does not hold it."""
    source = np.ones((32, BATCH, *SHAPE), np.uint8)
    target = np.empty_like(source[0])
    return _rate(lambda batch: np.copyto(target, batch), list(source), BATCH)


def _sequential(photographs: Photographs) -> tuple[float, float] | str:
    """Every file of Transform's output or of a cache once, in pieces of 4 MiB."""
    buffer = bytearray(4 << 20)
    if not drop_page_cache():
        return NOT_ROOT
    start, worked, size = time.perf_counter(), time.process_time(), 0
    for file in sorted(photographs.folder.glob("cache/*/*.rows")) or photographs.raw:
        with open(file, "rb", buffering=0) as stream:
            while count := stream.readinto(buffer):
                size += count
    images = size / np.prod(SHAPE)
    return images / (time.perf_counter() - start), images / (time.process_time() - worked)


def drop_page_cache() -> bool:
    """Whether the kernel was made to forget the files' contents: needs root."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True
