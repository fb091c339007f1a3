"""The Trainer against Keras's `fit`, and what each recipe costs: `python -m benchmarks.training`.

For three networks, both train on the same images in turn, in one process, with XLA and without;
the first epoch, which compiles, is left out. Then each part of a recipe trains beside the plain
step, in turn, by the clock and by CPU time, which another program disturbs less. Bars: at least as
many images a second as `fit`, and no recipe's step more than 10 % longer than the plain one on a
CPU.
"""

import argparse
import sys
from collections.abc import Iterator

from benchmarks.training import against_fit, recipes
from benchmarks.training.workloads import WORKLOADS, Workload


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=[*WORKLOADS])
    parser.add_argument("--epochs", type=int, default=3, help="of each training, the first unseen")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="between two looks at the clock")
    parser.add_argument("--part", choices=["fit", "recipes"], help="omit for both")
    given = parser.parse_args()
    missed = 0
    for name in given.workloads:
        for line, holds in _lines(WORKLOADS[name], given):
            print(line, flush=True)
            missed += not holds
    print(f"{missed} bars missed")
    return 1 if missed else 0


def _lines(workload: Workload, given: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    if given.part != "recipes":
        for xla in (False, True):
            yield against_fit.line(workload, given.epochs, given.rounds, xla)
    if given.part != "fit":
        yield from recipes.lines(workload, given.rounds, given.steps)


if __name__ == "__main__":
    sys.exit(main())
