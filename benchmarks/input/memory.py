"""The peak memory of the disk and streaming strategies, from 600 MB to 20 times as much.

`python -m benchmarks.input.memory`: each measurement reads as many batches as the largest
data has, so that only the data's size differs. 600 MB fill every buffer: two epochs' shuffle
buffers of 128 MiB and up to 256 MiB of batches made ahead.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.peak_memory import with_peak

_FLAT = 0.05  # growth that counts as none: two runs alike differ by as much


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--times", type=int, nargs="+", default=[2, 10, 40])
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "steadyfeed")
    given = parser.parse_args()
    for strategy in ("streaming", "disk"):
        peaks = []
        for times in given.times:
            sizes = times, max(given.times), given.data, given.images
            peaks.append(with_peak(read, strategy, *sizes)[1])
            print(f"{strategy:<10}{times:>3} x {given.images} images: {peaks[-1]:,.0f} MiB")
        growth, size = peaks[-1] / peaks[0] - 1, given.times[-1] / given.times[0]
        verdict = "met" if growth <= _FLAT else "NOT met"
        print(f"{strategy}: {growth:+.1%} at {size:g} times the data, ≤ {_FLAT:.0%}: {verdict}")


def read(strategy: str, times: int, epochs: int, folder: Path, images: int) -> None:
    """Reads batches of the same shards `times` times, as many as `epochs` times have."""
    from benchmarks.input import photographs
    from components.trainer.input.function import input_function
    from components.trainer.input.options import FeedOptions

    data = photographs.make(folder, images)
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        made = input_function(
            data.raw * times,
            photographs.SHAPE,
            photographs.BATCH,
            training=True,
            options=FeedOptions(seed=1, strategy=strategy, cache_dir=cache),
        )
        for _ in made.dataset.take(images * epochs // photographs.BATCH):
            pass


if __name__ == "__main__":
    main()
