"""The peak memory of the disk and streaming strategies, from 600 MB to 20 times as much.

`python -m benchmarks.input.memory`: each measurement is a process of its own, and each reads
as many batches as the largest data has, so that only the data's size differs.  600 MB fill
every buffer: two epochs' shuffle buffers of 128 MiB and up to 256 MiB of batches made ahead.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_FLAT = 0.05  # growth that counts as none: two runs alike differ by as much
_ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--times", type=int, nargs="+", default=[2, 10, 40])
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "steadyfeed")
    parser.add_argument("--one", nargs=2, metavar=("STRATEGY", "TIMES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        _measure(arguments.one[0], int(arguments.one[1]), arguments)
        return
    for strategy in ("streaming", "disk"):
        peaks = [_peak_of(strategy, times) for times in arguments.times]
        growth, size = peaks[-1] / peaks[0] - 1, arguments.times[-1] / arguments.times[0]
        verdict = "met" if growth <= _FLAT else "NOT met"
        print(f"{strategy}: {growth:+.1%} at {size:g} times the data, ≤ {_FLAT:.0%}: {verdict}")


def _peak_of(strategy: str, times: int) -> int:
    """Bytes, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.input.memory", *sys.argv[1:]]
    command += ["--one", strategy, str(times)]
    output = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    line, peak = output.stdout.splitlines()[-2:]
    print(line, flush=True)
    return int(peak)


def _measure(strategy: str, times: int, arguments: argparse.Namespace) -> None:
    """Batches of the same shards `times` times, and the most that the process held."""
    from benchmarks.input import photographs
    from components.trainer.input.function import input_function
    from components.trainer.input.options import FeedOptions

    data = photographs.make(arguments.data, arguments.images)
    with tempfile.TemporaryDirectory(dir=arguments.data) as cache:
        made = input_function(
            data.raw * times,
            photographs.SHAPE,
            photographs.BATCH,
            training=True,
            options=FeedOptions(seed=1, strategy=strategy, cache_dir=cache),
        )
        built = _peak()
        for _ in made.dataset.take(data.count * max(arguments.times) // photographs.BATCH):
            pass
    print(
        f"{strategy:<10}{times:>3} x {data.count} images: peak {_peak() / 2**20:,.0f} MiB, "
        f"{built / 2**20:,.0f} MiB once built"
    )
    print(_peak())


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("This system does not tell a process's peak memory.")


if __name__ == "__main__":
    main()
