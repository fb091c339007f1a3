"""How long `make run` on digits takes, as a multiple of its libraries' import.

    .venv/bin/python -m benchmarks.startup [--rounds 3]

Each round times, one after the other: the import, a run on a fresh root, and the
same run again with everything cached. Ratios are within a round, because the
machine's speed drifts; their medians are printed, and the code is 1 when a bar
is missed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.kills import words

IMPORT = "import tensorflow, apache_beam, tensorflow_model_analysis"
BARS = {"fresh": 2.5, "cached": 1.5}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = [_measure() for _ in range(parser.parse_args().rounds)]
    print(f"{'':8}{'seconds':>9}{'ratio':>8}{'bar':>6}")
    print(f"{'import':8}{statistics.median(r['import'] for r in rounds):9.1f}{1:8.2f}")
    missed = False
    for name, bar in BARS.items():
        seconds = statistics.median(r[name] for r in rounds)
        ratio = statistics.median(r[name] / r["import"] for r in rounds)
        missed = missed or ratio > bar
        print(f"{name:8}{seconds:9.1f}{ratio:8.2f}{bar:6.1f}{' missed' if ratio > bar else ''}")
    return 1 if missed else 0


def _measure():
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        run = [sys.executable, "-m", "pipeline", *words(Path(folder), "run")]
        return {
            "import": _seconds([sys.executable, "-c", IMPORT]),
            "fresh": _seconds(run),
            "cached": _seconds(run),
        }


def _seconds(command):
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
